# More ways to say what phrases.py says: the tables there grew from commands, this one from how people hint, complain and
# wish. Same notation: one production a line, `[a|b|]` chooses, `!` takes no politeness, about 15 in 100 are held out.
"""Further in-scope productions of the specialist's generator, by (tool, key, value) and by kind of question."""

ON = """
turn {d} back on
switch {d} back on
put {d} back on
turn on {d} again
bring {d} back on
bring {d} to life
start up {d}
wake up {d}
wake {d} up
get {d} up and running
click {d} on
hit {d}
pop {d} on
throw {d} on
leave {d} on
keep {d} on
set {d} on
change {d} to on
turn {d} to on
have {d} on
have {d} switched on
make {d} turn on
let's have {d} on
turn the power on for {d}
give {d} power
give power to {d}
begin with {d}
! {d} back on
! on with {d}
! {d} to on
! i want {d} turned on
! i would like {d} on
! i need you to turn on {d}
! i want {d} running
! i forgot to turn on {d}, can you
! {d} [isn't|is not] on, turn it on
! {d} must be on
! you can turn {d} on
! it would be nice to have {d} on
! we need {d} on
! {d} was off, switch it on
! i'll need {d} on
! start with {d} on
""".strip().split("\n")

OFF = """
turn {d} back off
switch {d} back off
turn off {d} again
put {d} off
click {d} off
pop {d} off
leave {d} off
keep {d} off
set {d} off
change {d} to off
turn {d} to off
have {d} off
have {d} switched off
make {d} turn off
make {d} go off
let {d} rest
turn the power off for {d}
take the power from {d}
cut off {d}
power {d} all the way down
close down {d}
be done with {d}
! {d} back off
! off with {d}
! {d} to off
! i want {d} turned off
! i would like {d} off
! i need you to turn off {d}
! i need {d} turned off
! {d} [isn't|is not] needed [anymore|any more|now]
! nobody needs {d} now
! {d} must be off
! you can turn {d} off
! we don't need {d} [on|anymore|now]
! {d} [was|were] left on, switch it off
! {d} [has|have] been on long enough
! no need for {d} [now|anymore]
! save power, turn off {d}
! {d} can go off now
! someone left {d} on, turn it off
! enough of {d}
! that's enough {d}
""".strip().split("\n")

TOOLS = {
    ("light", "state", "on"): """
light {d}
get some light from {d}
shine {d}
make {d} shine
lights on in {d}
! let {d} shine
! it's getting dark, put {d} on
! i need some light, turn {d} on
! it's pitch black, switch on {d}
! i can't find my way, turn on {d}
""",
    ("light", "state", "off"): """
make {d} dark
darken {d} completely
douse {d}
snuff {d}
blow out {d}
! let {d} go dark
! it's bright outside, turn off {d}
! i want to sleep, switch {d} off
! we don't need light from {d}
! stop {d} from shining
""",
    ("light", "brightness", None): """
set {d} brightness at {v}
give {d} {v} brightness
have {d} at {v}
keep {d} at {v}
get {d} to {v}
get {d} down to {v}
get {d} up to {v}
move {d} to {v}
light {d} at {v}
light up {d} at {v}
make {d} shine at {v}
make the brightness of {d} {v}
dial {d} to {v}
dial {d} down to {v}
cut {d} to {v}
boost {d} to {v}
level {d} at {v}
let {d} be at {v}
put {d} down to {v}
put the brightness of {d} at {v}
turn the brightness of {d} [to|down to|up to] {v}
turn the dimmer of {d} to {v}
! dimmer of {d} to {v}
! {d} [at|on] {v} brightness
! {d} {v} bright please
! i need {d} at {v}
! i want the brightness of {d} at {v}
! only {v} for {d}
! let's have {d} at {v}
! could i have {d} at {v}
! {d} down to {v}
! {d} up to {v}
""",
    ("light", "step", "up"): """
raise the level of {d}
raise {d} a [bit|little|notch]
turn {d} up [a bit|a little|a notch|some]
turn {d} brighter
set {d} brighter
put {d} brighter
get {d} brighter
make {d} stronger
intensify {d}
step up {d}
lighten {d}
increase {d} brightness
turn up the light of {d}
give {d} more brightness
! {d} up a bit
! {d} could be brighter
! {d} should be brighter
! {d} [needs|need] to be brighter
! i'd like {d} brighter
! i want {d} [a bit|a little|] brighter
! {d} [isn't|is not] bright enough
! i can't read by {d}, make it brighter
! bring more light to {d}
! more from {d}
""",
    ("light", "step", "down"): """
lower {d} a [bit|little|notch]
turn {d} dimmer
set {d} dimmer
put {d} dimmer
get {d} dimmer
make {d} softer
make {d} weaker
step down {d}
darken {d}
darken {d} a [bit|little]
ease {d} down
mellow {d}
decrease {d} brightness
turn down the light of {d}
give {d} less brightness
dim the light of {d}
! {d} down a bit
! {d} could be dimmer
! {d} should be dimmer
! {d} [needs|need] to be dimmer
! i'd like {d} dimmer
! i want {d} [a bit|a little|] [dimmer|darker]
! {d} [is|are] way too bright
! {d} [is|are] dazzling, dim it
! not so bright [from|on] {d}
! less from {d}
""",
    ("light", "color", None): """
set {d} in {c}
light {d} [in|up in] {c}
light up {d} {c}
let {d} be {c}
let {d} shine {c}
let {d} glow in {c}
turn the color of {d} to {c}
turn the light of {d} {c}
make the light of {d} {c}
make the color of {d} {c}
make {d} shine in {c}
change {d} color to {c}
switch the color of {d} to {c}
adjust the color of {d} to {c}
tint {d} {c}
have {d} in {c}
get {d} to {c}
put {d} in {c}
put {c} light on {d}
use {c} for {d}
use {c} light for {d}
! {d} should shine {c}
! {d} color {c}
! i'd like {d} in {c}
! i want {c} from {d}
! can {d} be {c}
! let's have {d} in {c}
! {c} color for {d}
""",
    ("switch", "state", "on"): """
make {d} run
let {d} work
have {d} running
have {d} start
set {d} going
set {d} running
put {d} to work
use {d}
operate {d}
! {d} start
! {d} can start
! {d} should run
! i need {d} to run
! i want {d} to start
! time for {d} to run
""",
    ("switch", "state", "off"): """
make {d} stop
have {d} stop
stop {d} from running
pull the plug on {d}
pull the plug of {d}
disconnect {d}
halt {d}
finish with {d}
! {d} stop
! {d} should stop
! {d} has run long enough
! i want {d} to stop
! {d} doesn't need to run
""",
    ("climate", "temperature", None): """
set {d} for {t}
set {d} up to {t}
set {d} down to {t}
get {d} to {t}
move {d} to {t}
dial {d} to {t}
program {d} to {t}
let {d} heat to {t}
have {d} at {t}
have {d} go to {t}
warm {d} to {t}
warm {d} up to {t}
cool {d} to {t}
cool {d} down to {t}
turn the temperature of {d} [to|up to|down to] {t}
turn the temperature on {d} to {t}
bring the temperature of {d} to {t}
put the temperature of {d} at {t}
increase {d} to {t}
decrease {d} to {t}
reduce {d} to {t}
bump {d} down to {t}
crank {d} up to {t}
maintain {t} with {d}
make the temperature of {d} {t}
! {d} temperature {t}
! {d} up to {t}
! {d} down to {t}
! i need {d} at {t}
! i want {d} set to {t}
! i'd like {d} to be at {t}
! let's have {d} at {t}
! {t} would be nice on {d}
! target of {d} is {t}
""",
    ("climate", "step", "up"): """
raise {d} [a bit|a little|a notch|a degree]
get {d} warmer
set {d} [warmer|higher]
put {d} [warmer|higher]
turn {d} [warmer|higher]
turn the temperature of {d} up
turn up the temperature [of|on] {d}
bring {d} up [a bit|a notch|]
bump {d} up
step up {d}
crank {d} up
boost {d}
give me more heat from {d}
heat up with {d}
! {d} up a bit
! {d} higher
! {d} should be warmer
! {d} could be [warmer|higher]
! i'd like it warmer with {d}
! i want {d} warmer
! i'm shivering, raise {d}
! we are cold, turn {d} up
! it's not warm enough, turn up {d}
""",
    ("climate", "step", "down"): """
lower {d} [a bit|a little|a notch|a degree]
get {d} cooler
set {d} [cooler|colder|lower]
put {d} [cooler|lower]
turn {d} [cooler|lower]
turn the temperature of {d} down
turn down the temperature [of|on] {d}
bring {d} down [a bit|a notch|]
bump {d} down
step down {d}
drop {d} a bit
ease off {d}
give me less heat from {d}
! {d} down a bit
! {d} lower
! {d} should be cooler
! {d} could be [cooler|lower]
! i'd like it cooler with {d}
! i want {d} cooler
! i'm melting, lower {d}
! we are too warm, turn {d} down
! it's too warm in here, turn down {d}
""",
    ("climate", "mode", None): """
use {m} mode on {d}
use {d} in {m} mode
let {d} run in {m} mode
let {d} run on {m}
have {d} in {m} mode
have {d} run in {m} mode
turn {d} to {m} mode
turn on {m} mode on {d}
turn on {m} for {d}
start {m} mode on {d}
enable {m} mode on {d}
activate {m} mode on {d}
select {m} mode for {d}
choose {m} mode for {d}
switch the mode of {d} to {m}
make {d} go to {m} mode
change {d} over to {m}
set {m} mode on {d}
! {d} {m} mode
! {d} into {m} mode
! {m} mode for {d}
! {d} should be in {m} mode
! i'd like {d} on {m}
""",
    ("blind", "state", "open"): """
draw back {d}
draw up {d}
pull back {d}
pull {d} back
push {d} open
push open {d}
slide {d} open
slide open {d}
wind up {d}
move {d} up
bring {d} up
bring up {d}
hoist {d}
crank {d} up
spread {d}
set {d} to open
let {d} up
let {d} open
leave {d} open
keep {d} open
make {d} open
make {d} go up
part {d}
fling {d} open
! {d} all the way [up|open]
! {d} fully open
! {d} [needs|need] to be open
! i need {d} open
! i want to look out, open {d}
! it's morning, open {d}
! i want daylight, raise {d}
""",
    ("blind", "state", "close"): """
shut down {d}
draw {d} closed
draw {d} together
push {d} closed
push {d} shut
slide {d} [closed|shut]
wind down {d}
move {d} down
bring down {d}
let {d} down
let down {d}
crank {d} down
fold {d}
fold up {d}
set {d} to closed
leave {d} closed
keep {d} closed
make {d} close
make {d} go down
seal {d}
cover the window with {d}
! {d} all the way [down|closed]
! {d} fully closed
! {d} [needs|need] to be closed
! i need {d} closed
! it's getting late, close {d}
! the neighbors can see in, close {d}
! it's too sunny, lower {d}
! i don't want {d} open
""",
    ("blind", "state", "stop"): """
stop moving {d}
stop {d} where [it is|they are]
pause {d}
hold {d}
hold {d} right there
keep {d} where [it is|they are]
keep {d} like that
leave {d} as [it is|they are]
leave {d} like that
make {d} stop
have {d} stop
don't move {d}
! {d} stop there
! {d} hold
! {d} should stop
! that's far enough for {d}
! {d} can stop there
! wait, stop {d}
! not any further with {d}
""",
    ("blind", "position", None): """
open {d} up to {v}
open {d} by {v}
open up {d} to {v}
open {d} about {v}
close {d} to {v}
close {d} down to {v}
move {d} up to {v}
move {d} down to {v}
get {d} to {v}
have {d} at {v}
have {d} {v} open
leave {d} {v} open
leave {d} at {v}
keep {d} at {v}
let {d} be at {v}
roll {d} to {v}
draw {d} to {v}
pull {d} to {v}
pull {d} down to {v}
change {d} to {v}
turn {d} to {v}
change the position of {d} to {v}
put the position of {d} at {v}
! {d} position {v}
! {d} up to {v}
! {d} down to {v}
! i need {d} at {v}
! i'd like {d} {v} open
! i'd like {d} at {v}
! {d} should be at {v}
! {d} should be {v} open
! only {v} open for {d}
""",
    ("lock", "state", "lock"): """
lock {d} up
lock {d} [again|now|tight]
lock down {d}
shut and lock {d}
close and lock {d}
turn the lock on {d}
turn the key on {d}
activate the lock on {d}
switch on the lock of {d}
set the lock on {d}
set the lock of {d}
throw the bolt on {d}
make {d} secure
make {d} safe
put {d} in lock
leave {d} locked
seal {d}
protect {d}
latch {d}
bar {d}
! {d} locked up
! {d} in lock
! {d} must be locked
! {d} stays locked
! i need {d} locked
! i want {d} to be locked
! i'd feel safer with {d} locked
! i left {d} unlocked, lock it
! {d} [is|are] unlocked, lock it
! nobody should get in through {d}, lock it
! it's late, lock {d}
! we're going out, lock {d}
""",
    ("lock", "state", "unlock"): """
unlock {d} [again|now]
open the lock [of|on] {d}
open the lock on {d} for me
turn off the lock on {d}
switch off the lock of {d}
deactivate the lock on {d}
remove the lock on {d}
undo {d}
unlatch {d}
unbar {d}
unseal {d}
free {d}
leave {d} unlocked
keep {d} unlocked
make {d} unlocked
put {d} in unlock
let [me|us|him|her|them] in through {d}
let [me|us] out through {d}
! {d} must be unlocked
! {d} should be unlocked
! {d} can be unlocked
! i need {d} unlocked
! i'd like {d} unlocked
! i want {d} to be unlocked
! i don't want {d} locked
! i'm at {d}, unlock it
! i'm locked out, unlock {d}
! {d} [is|are] locked, unlock it
! we are expecting someone, unlock {d}
! the guests are here, unlock {d}
""",
    ("vacuum", "action", "start"): """
get {d} started
get {d} to start
get {d} on the floor
put {d} to work
set {d} to work
let {d} loose
let {d} run
let {d} do the floors
let {d} start
have {d} start
have {d} do the floors
make {d} start
make {d} vacuum
make {d} work
use {d} to clean [up|the floor|the house]
start a cleaning run with {d}
begin {d}
launch {d}
wake {d} up
tell {d} to begin
tell {d} to get to work
ask {d} to [clean|start|vacuum]
! {d} should [clean|start|run]
! {d} can start [cleaning|]
! {d} go [clean|]
! i need {d} to [clean|vacuum|start]
! i'd like {d} to clean
! there are crumbs everywhere, start {d}
! i spilled something, run {d}
""",
    ("vacuum", "action", "stop"): """
have {d} stop
get {d} to stop
ask {d} to stop
stop {d} [now|right now|right there]
stop the cleaning of {d}
quit cleaning with {d}
finish cleaning with {d}
end {d}
cancel {d}
make {d} quit
tell {d} to quit
tell {d} to stop cleaning
turn {d} off now
shut {d} off
! {d} stop cleaning
! {d} can stop
! {d} has cleaned enough
! i want {d} to stop
! i need {d} to stop
! no more cleaning from {d}
""",
    ("vacuum", "action", "pause"): """
have {d} pause
have {d} wait
get {d} to pause
ask {d} to [pause|wait]
make {d} [pause|wait]
let {d} wait
stop {d} for a [moment|minute|second]
halt {d} for a [moment|minute]
suspend {d}
suspend the cleaning of {d}
give {d} a break
let {d} take a break
tell {d} to take a break
! {d} hold on
! {d} should [pause|wait]
! {d} on pause
! i want {d} to pause
! wait a moment with {d}
""",
    ("vacuum", "action", "dock"): """
send {d} to dock
send {d} to base
send {d} to recharge
send {d} away to charge
have {d} go home
have {d} dock
have {d} return [home|to its dock|to base]
let {d} go home
let {d} charge
let {d} return to its [base|dock]
make {d} go home
make {d} go back to [its|the] [dock|base]
make {d} dock
get {d} home
get {d} to its dock
get {d} charging
ask {d} to [go home|dock|return]
put {d} back on [its dock|its base|the charger]
put {d} away
bring {d} back [home|to its dock|]
bring {d} to its [dock|base]
call {d} back
recharge {d}
dock {d} [now|again]
! {d} home
! {d} to the dock
! {d} return to [base|the dock]
! {d} needs to charge
! {d} can go home
! i want {d} back [home|on its dock]
""",
    ("vacuum", "room", None): """
get {d} to vacuum the {r}
get {d} into the {r}
have {d} do the {r}
have {d} go to the {r}
make {d} clean the {r}
make {d} do the {r}
let {d} vacuum the {r}
let {d} do the {r}
ask {d} to clean the {r}
ask {d} to do the {r}
tell {d} to do the {r}
tell {d} to go to the {r}
bring {d} to the {r}
put {d} in the {r}
start cleaning the {r} with {d}
start {d} cleaning in the {r}
sweep the {r} with {d}
use {d} for the {r}
use {d} on the {r}
clean up the {r} with {d}
! {d} should clean the {r}
! {d} do the {r}
! {d} to the {r}
! {d} go clean the {r}
! i need {d} in the {r}
! i'd like {d} to do the {r}
! there is dust in the {r}, use {d}
! the {r} is filthy, start {d} there
""",
    ("media", "action", "play"): """
go on playing{e}
carry on [with the music|playing|]{e}
proceed with [the song|the music|playback]{e}
pick up where [it|we|i] left off{e}
play [it|that] on{e}
play on{e}
get the music [going|playing|started]{e}
get some music [going|on|playing]{e}
have some music on{e}
let the music play{e}
let it play{e}
bring the music back{e}
bring back the music{e}
restart the [music|playback]{e}
unfreeze the [movie|video]{e}
put something on{e}
give [me|us] some music{e}
play any music{e}
play [some tunes|a song|songs|tunes]{e}
! some music{e}
! a little music{e}
! it's too quiet here, play something{e}
! i'm bored, play something{e}
! i need some [music|tunes]{e}
! go ahead with the music{e}
! the music can go on{e}
""",
    ("media", "action", "pause"): """
pause playing{e}
pause for a [moment|second|minute|bit]{e}
pause what's playing{e}
pause what i'm listening to{e}
hold [it|that|the video|the track]{e}
hold the playback{e}
hold on with the music{e}
suspend [the music|the song|playback|the movie]{e}
interrupt the [music|song|movie]{e}
stop playing for a [second|moment|minute]{e}
stop the [movie|song] for a [second|moment]{e}
halt the [music|song|movie]{e}
put it on pause{e}
put that on hold{e}
make it pause{e}
give the music a break{e}
! wait, pause the [music|song|movie]{e}
! hang on, pause [it|that|the music]{e}
! i'll be right back, pause [it|the movie|the music]{e}
! pause there{e}
! someone is calling, pause the [music|movie]{e}
""",
    ("media", "action", "stop"): """
stop it{e}
stop that [song|music|noise]{e}
stop this [song|music]{e}
stop the [show|video|audiobook|station]{e}
stop what's playing{e}
turn off the [song|radio|podcast|movie|show]{e}
turn off this [song|music]{e}
turn the [song|radio] off{e}
switch the music off{e}
shut the music off{e}
shut down the music{e}
finish playing{e}
cease playing{e}
end playback [now|]{e}
cancel the [music|song|playback]{e}
get rid of the music{e}
make the music stop{e}
make it stop{e}
quit the music{e}
! no music{e}
! stop music{e}
! music stop{e}
! enough music{e}
! i've heard enough{e}
! i'm done listening{e}
! i don't want music now{e}
! the music can stop{e}
""",
    ("media", "action", "next"): """
skip over [this|this song|this one]{e}
skip that [song|one|track]{e}
skip one [song|track]{e}
skip [songs|tracks]{e}
pass on this [song|one]{e}
give me the next [song|track|one]{e}
give me another song{e}
let me hear the next [song|one]{e}
bring on the next [song|track]{e}
go to next{e}
go on to the next [song|track|one]{e}
go ahead to the next song{e}
continue with the next [song|track]{e}
proceed to the next [song|track]{e}
start the next [song|track|episode]{e}
forward to the next [song|track]{e}
play what comes next{e}
play something else{e}
get to the next [song|track]{e}
change it{e}
change songs{e}
! another [song|one]{e}
! a different song{e}
! i've heard this [song|one], next{e}
! i'm tired of this song, skip{e}
! what comes next, play it{e}
! skip it please{e}
! the next one{e}
""",
    ("media", "action", "previous"): """
go to the [previous|last] [song|track|one]{e}
go back to the [song|track|one] before{e}
go back one{e}
go one back{e}
skip to the previous [song|track]{e}
skip back [a song|one song|a track|one]{e}
switch back to the [previous|last] [song|track]{e}
move back to the previous [song|track]{e}
move back [a song|a track]{e}
jump to the previous [song|track]{e}
jump back{e}
replay the [last|previous] [song|track|one]{e}
repeat the [last|previous] song{e}
play the [song|track|one] before [this|this one|that]{e}
play the last [song|track|one]{e}
play previous{e}
give me the previous [song|track]{e}
let me hear the [last|previous] [song|one] again{e}
put the [last|previous] [song|track] back on{e}
step back [a track|a song]{e}
! the previous [song|one|track]{e}
! the [song|one] before{e}
! that last song was good, play it again{e}
! i missed the last song, go back{e}
! back one [song|track]{e}
""",
    ("media", "action", "mute"): """
put it on mute{e}
put the sound on mute{e}
put the [volume|audio] on mute{e}
set it to mute{e}
set the [volume|sound] to mute{e}
switch off the [sound|audio]{e}
switch the sound off{e}
shut the sound off{e}
shut off the [audio|volume]{e}
take the sound away{e}
take away the sound{e}
disable the [sound|audio]{e}
make it mute{e}
make it quiet{e}
make no [sound|noise]{e}
go silent{e}
go quiet{e}
stay quiet{e}
turn off all sound{e}
stop the [noise|sound]{e}
hush{e}
! mute everything{e}
! mute please{e}
! on mute{e}
! silence please{e}
! i need to take a call, mute{e}
! i want no sound{e}
! volume off{e}
! audio off{e}
! the baby is sleeping, mute{e}
""",
    ("media", "action", "unmute"): """
take it off mute{e}
take off the mute{e}
take the mute off{e}
turn off mute{e}
turn mute off{e}
turn the mute off{e}
undo the mute{e}
remove the mute{e}
lift the mute{e}
disable mute{e}
release the mute{e}
switch the sound [back|] on{e}
switch on the [sound|audio]{e}
get the sound back{e}
give me the sound back{e}
give me sound{e}
let me hear [it|the sound] again{e}
put the sound back on{e}
put the [sound|audio] on{e}
enable the [sound|audio]{e}
have the sound back{e}
make it heard again{e}
! sound please{e}
! mute off{e}
! no more mute{e}
! audio back on{e}
! i want to hear it again{e}
! i'm off the phone, unmute{e}
! you can unmute{e}
! where is the sound, unmute{e}
""",
    ("media", "volume", None): """
set sound to {v}{e}
set the sound level to {v}{e}
set the audio to {v}{e}
set the loudness to {v}{e}
get the volume to {v}{e}
get the volume [up|down] to {v}{e}
keep the volume at {v}{e}
have the volume at {v}{e}
hold the volume at {v}{e}
take the volume to {v}{e}
take the volume [up|down] to {v}{e}
turn up to {v}{e}
turn up the volume to {v}{e}
turn down the volume to {v}{e}
turn the sound [to|up to|down to] {v}{e}
turn the music [to|up to|down to] {v}{e}
bring the volume [up|down] to {v}{e}
bring up the volume to {v}{e}
push the volume to {v}{e}
crank the volume to {v}{e}
boost the volume to {v}{e}
bump the volume to {v}{e}
cut the volume to {v}{e}
fade the volume to {v}{e}
dial the volume to {v}{e}
change the sound to {v}{e}
switch the volume to {v}{e}
play at volume {v}{e}
play at {v} volume{e}
make the sound {v}{e}
make it {v} loud{e}
! volume up to {v}{e}
! volume down to {v}{e}
! sound [to|at] {v}{e}
! i want it at volume {v}{e}
! i want {v} volume{e}
! let's have the volume at {v}{e}
! the sound should be at {v}{e}
""",
    ("media", "step", "up"): """
turn it up [a bit|a little|a notch|some|more]{e}
turn up the [volume|sound|music] [a bit|a little|a notch|some]{e}
turn up the loudness{e}
get it louder{e}
get the [volume|sound] up{e}
have it louder{e}
put it louder{e}
put the sound up{e}
set it louder{e}
set the [volume|sound] [higher|louder]{e}
raise it{e}
raise the volume [a bit|a little|a notch]{e}
increase the [volume|sound] [a bit|a little]{e}
increase the loudness{e}
amplify [the sound|the music|it]{e}
strengthen the sound{e}
step up the volume{e}
make it [a bit|a little|much] louder{e}
make that louder{e}
give me more [volume|sound]{e}
give it more volume{e}
go louder{e}
blast [it|the music]{e}
crank it{e}
crank the [volume|music]{e}
let me hear [it|this] better{e}
! more sound{e}
! [much|way|little] louder{e}
! louder than that{e}
! up with the volume{e}
! sound up{e}
! it's not loud enough{e}
! it should be louder{e}
! it could be louder{e}
! the [music|sound] should be louder{e}
! the [music|sound] isn't loud enough{e}
! i want to hear it better{e}
! i'd like it louder{e}
! i can hardly hear [it|the music]{e}
""",
    ("media", "step", "down"): """
turn it down [a bit|a little|a notch|some|more]{e}
turn down the [volume|sound|music] [a bit|a little|a notch|some]{e}
turn down the noise{e}
turn down the loudness{e}
get it quieter{e}
get the [volume|sound] down{e}
have it quieter{e}
put it [quieter|softer]{e}
put the [volume|sound] down{e}
set it quieter{e}
set the [volume|sound] lower{e}
lower it{e}
lower the volume [a bit|a little|a notch]{e}
decrease the [volume|sound] [a bit|a little]{e}
decrease volume{e}
decrease the loudness{e}
reduce the loudness{e}
reduce volume{e}
step down the volume{e}
make it [a bit|a little|much] [quieter|softer]{e}
make that quieter{e}
make it less noisy{e}
keep it down{e}
bring it down [a bit|a notch|]{e}
take it down [a bit|a notch|]{e}
give me less [volume|sound]{e}
go quieter{e}
ease the volume down{e}
hold the noise down{e}
! less sound{e}
! less loud{e}
! [much|way|little] [quieter|softer]{e}
! softer{e}
! down with the volume{e}
! sound down{e}
! it's way too loud{e}
! it's so loud{e}
! it should be quieter{e}
! it could be quieter{e}
! the [music|sound] should be quieter{e}
! i'd like it quieter{e}
! i can't think with this noise, turn it down{e}
! my ears hurt, turn it down{e}
""",
    ("media", "query", None): """
play some of {q}{e}
have {q} on{e}
have {q} playing{e}
put {q} on now{e}
put on some {q}{e}
turn on {q}{e}
turn {q} on{e}
switch to {q}{e}
switch on {q}{e}
change to {q}{e}
change the music to {q}{e}
give me {q}{e}
give us {q}{e}
let's have {q}{e}
open {q}{e}
launch {q}{e}
cue {q}{e}
cue up {q}{e}
queue {q}{e}
load {q}{e}
select {q}{e}
pull up {q}{e}
bring up {q}{e}
run {q}{e}
resume {q}{e}
continue {q}{e}
continue playing {q}{e}
find {q}{e}
get me {q}{e}
hit me with {q}{e}
blast {q}{e}
listen to {q}{e}
! i want {q}{e}
! i wish to hear {q}{e}
! i'd love to [hear|listen to] {q}{e}
! i would like to [hear|listen to] {q}{e}
! i want you to play {q}{e}
! we want to [hear|listen to] {q}{e}
! let us [hear|listen to] {q}{e}
! how about {q}{e}
! time for {q}{e}
! it's time for {q}{e}
! could i hear {q}{e}
! could we [hear|listen to] {q}{e}
! is there {q}, play it{e}
! please could you play {q}{e}
""",
    ("timer", "set", None): """
set the timer for {u}{w}
set the timer at {u}{w}
set up the timer for {u}{w}
set my timer at {u}{w}
set one timer for {u}{w}
set another timer for {u}{w}
set another {u} timer{w}
set a countdown for {u}{w}
set a countdown of {u}{w}
set {u} on the timer{w}
set an {u} timer{w}
start the timer for {u}{w}
start timer for {u}{w}
start timing {u}{w}
start counting down {u}{w}
start another timer for {u}{w}
start the countdown for {u}{w}
begin a countdown of {u}{w}
begin counting down {u}{w}
begin timing {u}{w}
create a countdown of {u}{w}
create another timer for {u}{w}
make the timer {u}{w}
make it a {u} timer{w}
do a {u} timer{w}
do a timer for {u}{w}
open a timer for {u}{w}
turn on a timer for {u}{w}
turn on a {u} timer{w}
put on a timer for {u}{w}
put on a {u} timer{w}
put a {u} timer on{w}
put the timer [on|at|to] {u}{w}
have a timer run for {u}{w}
have a timer go off in {u}{w}
have the timer ring in {u}{w}
give me {u} on the timer{w}
get me a {u} timer{w}
schedule a timer for {u}{w}
ring in {u}{w}
beep in {u}{w}
beep after {u}{w}
count {u}{w}
track {u}{w}
keep time for {u}{w}
measure {u}{w}
alert me in {u}{w}
alert me after {u}{w}
notify me in {u}{w}
notify me when {u} [are|is] [up|over]{w}
tell me when {u} [is over|have gone by]{w}
let me know in {u}{w}
! a timer for {u}{w}
! a {u} timer{w}
! one timer for {u}{w}
! new timer for {u}{w}
! new timer {u}{w}
! timer of {u}{w}
! timer set to {u}{w}
! timer, {u}{w}
! {u} countdown{w}
! {u} on the clock{w}
! i need {u} on the timer{w}
! i need the timer for {u}{w}
! i need a countdown of {u}{w}
! i want the timer at {u}{w}
! i'd like a {u} timer{w}
! i'd like a timer for {u}{w}
! can i get a {u} timer{w}
! can i have a timer for {u}{w}
! how about a timer for {u}{w}
! let's set a timer for {u}{w}
""",
    ("timer_control", "action", "cancel"): """
cancel [the|my] running timer
cancel the current timer
cancel all timers
cancel that countdown
stop timer
stop timing
stop the running timer
stop counting down
shut off [the|my] timer
switch off [the|my] timer
turn the timer off
delete that timer
delete timer
erase the timer
scrap the timer
drop the timer
undo the timer
reset the timer
quit the timer
discard the timer
remove timer
end that timer
finish the timer
kill my timer
call off the timer
! scratch that timer
! forget about the timer
! forget my timer
! i don't need [the|that|my] timer
! i no longer need the timer
! we don't need the timer
! i changed my mind about the timer, cancel it
! the timer can stop
! the timer is not needed anymore
! no timer
! timer cancel
""",
    ("timer_control", "action", "pause"): """
pause the running timer
pause timing
pause the clock
pause my countdown
hold [my|that] timer
hold the countdown
hold timer
suspend [the|my] timer
suspend the countdown
interrupt the timer
freeze my timer
freeze the countdown
stop the timer for [now|a moment|a minute|a second]
stop the timer temporarily
halt the timer for a moment
put my timer on [hold|pause]
put the countdown on hold
let the timer wait
make the timer wait
give the timer a break
! timer pause
! timer on hold
! wait with the timer
! hang on, pause the timer
! the timer should wait
! i need the timer paused
! can the timer be paused
! one moment, hold the timer
""",
    ("timer_control", "action", "resume"): """
resume the paused timer
resume timing
resume the clock
resume my countdown
continue that timer
continue timer
continue the countdown
continue timing
carry on with the timer
carry on timing
go on with the timer
go on with the countdown
proceed with the timer
pick the timer back up
unpause [my|that] timer
unpause timer
unpause the countdown
unfreeze the timer
release the timer
restart the countdown where it was
start the paused timer
start my timer again
start the timer back up
get the timer going again
get the timer running again
let the timer run on
let the timer continue
let my timer run again
take the timer off [hold|pause]
put the timer back on
! timer resume
! timer go on
! the timer can go on
! the timer should continue
! i'm back, resume the timer
! ok, timer, go on
""",
    ("timer_control", "action", "query"): """
check timer
check on [the|my] timer
check how long the timer has left
check the remaining time
check the time left on [the|my] timer
check the countdown
read the timer
read out the timer
tell me the remaining time on the timer
tell me the time left on [the|my] timer
tell me where the timer is at
tell me when the timer [ends|goes off|rings]
tell me how many minutes are left on the timer
show me how much time is left on the timer
show the timer
give me the time left on the timer
give me the timer status
look at the timer
let me know how much time is left on the timer
! how much time is left
! how much time left on the timer
! how much time does [the|my] timer have
! how much more time on the timer
! how many minutes left on the timer
! how many seconds are left on the timer
! how far along is the timer
! how long [does the timer have|has the timer got] left
! how long before the timer [rings|goes off|ends]
! how long till the timer [rings|goes off|is done]
! how long does the timer still run
! how long is the timer still running
! how's the timer
! what does the timer say
! what does my timer show
! what is left on my timer
! what's the timer at
! what's the time left on the timer
! what's the status of the timer
! when is the timer [done|up|over]
! when does my timer [ring|end|go off]
! will the timer [ring|end|go off] soon
! is my timer [done|running|still going|finished]
! is there time left on the timer
! did the timer [end|go off|ring]
! has the timer [ended|finished|gone off]
! remaining time on the timer
! timer left
! timer check
! any time left on the timer
""",
    ("scene", "scene", None): """
start up {s}
start up the {s} scene
start scene {s}
begin {s}
begin the {s} scene
begin {s} mode
bring on {s}
bring up {s}
call up the {s} scene
use {s}
use the {s} scene
use {s} mode
use the {s} lighting
choose {s}
choose the {s} scene
select {s}
select the {s} scene
pick the {s} scene
play the {s} scene
initiate {s}
initiate {s} mode
engage {s} mode
engage the {s} scene
enter {s} mode
move to {s} mode
move into {s} mode
change to {s}
change to {s} mode
change everything to {s}
switch over to {s}
switch everything to {s}
switch [the house|the home] to {s}
turn the house to {s}
turn {s} on
turn {s} mode on
turn the {s} scene on
put on {s}
put on the {s} scene
put {s} on
put the home in {s} mode
set up {s}
set up the {s} scene
set [the room|the place] to {s}
set the lights to {s} mode
make it {s}
make it {s} mode
make everything {s}
prepare [the house|everything|the room] for {s}
prepare {s}
get into {s} mode
do the {s} scene
do {s}
have the {s} scene on
create the {s} mood
fire up {s}
fire up the {s} scene
! {s} on
! {s} now
! {s} time
! {s} scene please
! {s} mode please
! {s} mode on
! it is {s} time
! i want {s}
! i want {s} mode
! i need {s} mode
! i'd like {s}
! i'd like the {s} scene
! i'm ready for {s}
! i'm in the mood for {s}
! let's go with {s}
! let's switch to {s}
! let's start {s}
! we want {s}
! we're ready for {s}
! how about {s}
! can we have {s}
! can we do {s}
! the {s} scene
! the {s} scene please
""",
}
TOOLS = {k: v.strip().split("\n") for k, v in TOOLS.items()}

STATE = {
    "": """
check up on {d}
check how {d} is
check what {d} is doing
check {d} for me
tell me about {d}
tell me how {d} is
tell me what {d} is doing
tell me what state {d} is in
tell me {d} status
show me {d}
show me what {d} is doing
show {d} status
show the status of {d}
get me the [status|state] of {d}
get the state of {d}
give me the state of {d}
give me {d} status
give me an update on {d}
find out the state of {d}
find out how {d} is
look at {d}
look up {d}
let me know the [status|state] of {d}
let me know how {d} is
let me know what {d} is doing
see how {d} is
see what {d} is doing
report the [status|state] of {d}
inspect {d}
query {d}
! how's {d}
! how is {d} doing
! how does {d} look
! how are things with {d}
! how [is|are] {d} set
! what's {d} doing
! what's the situation with {d}
! what's happening with {d}
! what's going on with {d}
! what is going on with {d}
! what is the current [status|state] of {d}
! what's the current [status|state] of {d}
! what's the condition of {d}
! what's {d} status
! what do you know about {d}
! which state is {d} in
! is {d} ok
! is {d} working
! is there anything wrong with {d}
! can i get the status of {d}
! may i know the state of {d}
! i want to know the [status|state] of {d}
! i'd like to know how {d} is
! i need the status of {d}
! state of {d}
! any news from {d}
! the status of {d}
""",
    "power": """
check that {d} [is|are] [on|off]
check for me if {d} [is|are] [on|off]
make sure to tell me if {d} [is|are] on
tell me [if|whether] {d} [is|are] [turned|switched] [on|off]
tell me [if|whether] {d} [is|are] still on
tell me if i left {d} on
tell me if i turned {d} off
see whether {d} [is|are] [on|off|running]
see if {d} [is|are] [still on|running|turned off]
see if i left {d} on
let me know whether {d} [is|are] [on|off]
let me know if {d} [is|are] still [on|running]
find out if {d} [is|are] [on|off|running]
find out whether {d} [is|are] [on|off]
look if {d} [is|are] [on|off]
verify that {d} [is|are] off
verify if {d} [is|are] on
! [is|are] {d} on [right now|now|at the moment]
! [is|are] {d} off [right now|now|at the moment]
! [is|are] {d} still running
! [is|are] {d} turned on or off
! [is|are] {d} powered [on|off]
! [is|are] {d} using power
! [is|are] {d} really off
! [is|are] {d} left on
! did i turn {d} [on|off]
! did i switch {d} [on|off]
! did i shut off {d}
! did i remember to turn off {d}
! did i leave {d} running
! did [someone|anyone|somebody] turn [on|off] {d}
! did {d} turn off by itself
! did {d} stay on
! have i switched off {d}
! have i left {d} on
! have i forgotten to turn off {d}
! has [someone|anyone] turned [on|off] {d}
! has {d} been [on|off|turned off]
! [was|were] {d} on
! [was|were] {d} turned off
! do you know if {d} [is|are] on
! do you know whether {d} [is|are] [on|off]
! can you see if {d} [is|are] on
! can you tell if {d} [is|are] on
! i want to know if {d} [is|are] [on|off]
! i need to know if {d} [is|are] on
! i think i left {d} on, did i
! i don't know if {d} [is|are] off
! i'm not sure if {d} [is|are] on
! tell me, [is|are] {d} on
! on or off, {d}
""",
    "light": """
tell me how bright {d} [is|are]
tell me what color {d} [is|are]
tell me if {d} [is|are] dimmed
check how bright {d} [is|are]
check the [brightness|color] of {d}
check if {d} [is|are] dimmed
! how bright is it with {d}
! how bright [is|are] {d} set
! how dim [is|are] {d}
! how far [is|are] {d} dimmed
! what's the color of {d}
! what is the color of {d}
! what color does {d} have
! what color [is|are] {d} set to
! what brightness [is|are] {d} at
! what brightness [is|are] {d} set to
! what is the brightness of {d}
! what's the light level of {d}
! which color [is|are] {d}
! [is|are] {d} shining
! [is|are] {d} at full brightness
! [is|are] {d} [bright|dim|dark]
! did i leave {d} burning
! did i dim {d}
""",
    "climate": """
tell me what temperature {d} [is at|is set to|shows]
tell me how warm {d} is
tell me the mode of {d}
tell me if {d} is [heating|cooling]
check what {d} is set to
check the setting of {d}
check if {d} is [heating|cooling]
read the temperature of {d}
read {d}
give me the temperature of {d}
! what's the temperature setting of {d}
! what is the setting of {d}
! what temperature does {d} [show|have|say]
! what temperature is {d} set at
! what mode is {d} in
! what's the mode of {d}
! what is {d} at
! what's {d} at
! how cold is {d} set
! how high is {d}
! how high is {d} set
! is {d} in [heat|cool|auto] mode
! is {d} on [heat|cool|auto]
! is {d} too high
! did {d} reach its temperature
""",
    "blind": """
check [if|whether] {d} [is|are] [up|down|still open]
check how far {d} [is|are] open
tell me [if|whether] {d} [is|are] [open|closed|up|down]
tell me how far {d} [is|are] open
tell me the position of {d}
see if {d} [is|are] [open|shut|down|up]
see whether {d} [is|are] [open|closed]
let me know if {d} [is|are] [open|closed]
find out if {d} [is|are] [open|closed]
look if {d} [is|are] [open|closed]
! [is|are] {d} [wide|half|completely|partly] [open|closed]
! [is|are] {d} all the way [up|down|open|closed]
! [is|are] {d} up or down
! did i [shut|lower|raise] {d}
! did i leave {d} open
! did i forget to close {d}
! did {d} [close|open]
! have i [closed|opened|shut] {d}
! have [someone|anyone] opened {d}
! has {d} been [closed|opened]
! [was|were] {d} left open
! what's the position of {d}
! how open [is|are] {d}
! where [is|are] {d} at
! i'm not sure if {d} [is|are] closed
! do you know if {d} [is|are] open
""",
    "lock": """
check that {d} [is|are] locked, yes or no
check for me if {d} [is|are] locked
check the lock on {d}
check the lock of {d}
check if i locked {d}
check if i left {d} unlocked
verify whether {d} [is|are] locked
tell me whether {d} [is|are] [locked|unlocked]
tell me if i locked {d}
tell me if {d} [is|are] secure
see whether {d} [is|are] [locked|unlocked]
see if {d} [is|are] [secure|unlocked]
see if i locked {d}
find out if {d} [is|are] [locked|unlocked]
let me know whether {d} [is|are] locked
look if {d} [is|are] locked
! [is|are] {d} locked [right now|now|up|tight|properly]
! [is|are] {d} really locked
! [is|are] {d} bolted
! did i remember to lock {d}
! did i lock up {d}
! did i unlock {d}
! did i forget {d}
! did [someone|anyone|somebody] lock {d}
! did {d} lock
! have i left {d} unlocked
! have i forgotten to lock {d}
! has {d} been [locked|unlocked]
! has [someone|anyone] [locked|unlocked] {d}
! [was|were] {d} left unlocked
! can anyone get in through {d}
! do you know if {d} [is|are] locked
! i can't remember if i locked {d}
! i don't know if {d} [is|are] locked
! i want to know if {d} [is|are] locked
! i hope {d} [is|are] locked, [is it|are they]
! what's the lock state of {d}
! locked or unlocked, {d}
""",
    "media": """
tell me what {d} is playing
tell me what's playing on {d}
tell me how loud {d} is
tell me the volume of {d}
check what {d} is playing
check what's on {d}
check the volume of {d}
check if {d} is [playing|muted|paused]
see what {d} is playing
! what is on {d}
! what is playing on {d}
! what song is {d} playing
! what song is on {d}
! what show is on {d}
! what station is {d} on
! which song is playing on {d}
! which channel is {d} on
! what's the volume on {d}
! what is the volume of {d}
! what volume does {d} have
! how loud is {d} set
! is {d} still playing
! is something playing on {d}
! is there music on {d}
! is {d} silent
! did {d} stop playing
""",
    "vacuum": """
tell me where {d} is
tell me if {d} is [done|cleaning|charging]
tell me the battery level of {d}
check if {d} is [done|docked|charging|stuck|cleaning]
check where {d} is
check the battery of {d}
find {d}
see if {d} is [done|stuck|cleaning]
let me know if {d} is done
! is {d} [working|running|cleaning] right now
! is {d} [home|at home|on its dock|at its base|in its dock]
! is {d} charged
! is {d} full
! is {d} still [charging|running|working]
! is the battery of {d} full
! did {d} [finish|get stuck|clean|dock]
! has {d} [cleaned|docked|stopped|gotten stuck]
! how is the cleaning of {d} going
! how full is the battery of {d}
! how long does {d} still need
! what's the battery of {d}
! when will {d} be [done|finished]
! where did {d} go
! which room is {d} in
""",
    "sensor": """
read out {d}
read me {d}
tell me the reading of {d}
tell me the value of {d}
tell me what {d} [shows|reads|measures]
tell me if {d} [went off|detected anything|is triggered]
give me the value of {d}
give me what {d} says
get the reading of {d}
get me the reading of {d}
check the reading of {d}
check the value of {d}
check if {d} [went off|detected anything|was triggered]
look at what {d} says
see what {d} says
show me the reading of {d}
show me what {d} measures
! what does {d} tell
! what does {d} currently [say|show|read]
! what did {d} [say|measure|detect]
! what's {d} [showing|reading|saying|measuring]
! what is the reading of {d}
! what value does {d} have
! what's the current reading of {d}
! how much does {d} show
! how high is {d}
! is {d} [alarming|detecting anything|normal]
! is there an alert from {d}
! has {d} reported anything
! has {d} been triggered
! did {d} report anything
! did {d} notice [anything|someone]
! do we have a reading from {d}
! current reading of {d}
! reading of {d}
""",
}
STATE = {k: v.strip().split("\n") for k, v in STATE.items()}
