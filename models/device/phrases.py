# How people ask for what the tools can do: the grammar's productions, one a line. `[a|b|]` chooses, `{d}` and the
# like are slots that generate.py fills. `!` in front marks a line that takes no "please" or "could you" around it.
# A line is a production: about 15 in 100, by their hash, never occur in training (see generate.py).
"""In-scope productions of the specialist's generator."""

import paraphrases

# Lines for {d} of several kinds: on and off mean the right thing for each (see generate.ON_OFF).
ON = """
turn on {d}
turn {d} on
switch on {d}
switch {d} on
put on {d}
put {d} on
power on {d}
power {d} on
power up {d}
flip on {d}
flip {d} on
flick {d} on
get {d} on
activate {d}
enable {d}
start {d}
fire up {d}
bring {d} on
set {d} to on
make sure {d} [is|are] on
make {d} go on
let {d} run
have {d} turned on
go ahead and [turn|switch] on {d}
! {d} on
! {d} on [please|now]
! i need {d} on
! i need {d} [turned|switched] on
! i want {d} on
! i'd like {d} on
! {d} should be on
! [time to|let's] turn on {d}
! i want you to turn {d} on
! {d} [needs|need] to be [on|turned on|switched on]
! it's time for {d} to go on
! can we have {d} on
! could we get {d} [switched|turned] on
! why [isn't|is] {d} off, [turn|switch] it on
""".strip().split("\n")

OFF = """
turn off {d}
turn {d} off
switch off {d}
switch {d} off
shut off {d}
shut {d} off
shut down {d}
power off {d}
power {d} off
power down {d}
cut {d}
cut the power to {d}
kill {d}
flip off {d}
flick {d} off
deactivate {d}
disable {d}
set {d} to off
make sure {d} [is|are] off
take {d} off
get {d} off
stop {d}
have {d} turned off
go ahead and [turn|switch] off {d}
! {d} off
! {d} off [please|now]
! i need {d} off
! i want {d} [turned|switched] off
! i don't need {d} [anymore|any more|right now]
! i'd like {d} off
! {d} should be off
! no more {d}
! we're done with {d}
! i'm done with {d}
! [let's|time to] turn off {d}
! i want you to turn {d} off
! {d} [needs|need] to be [off|turned off|switched off]
! i forgot to turn off {d}, [do it|please do it|can you do it]
! i left {d} on, turn it off
! can we have {d} off
! [why is|why are] {d} still on, [turn|switch] it off
""".strip().split("\n")

# (tool, key, value): lines. A value None means: the value comes from the slot {v}, {t}, {c}, {q} or {r}.
TOOLS = {
    ("light", "state", "on"): """
light up {d}
illuminate {d}
give me [light|some light] from {d}
! [it's dark|it is too dark|i can't see], turn on {d}
! lights on {d}
""",
    ("light", "state", "off"): """
extinguish {d}
put out {d}
black out {d}
! [i'm going to sleep|i'm leaving|we are going out], turn off {d}
! lights out {d}
! no light from {d} please
""",
    ("light", "brightness", None): """
set {d} to {v}
set {d} at {v}
set {d} to {v} brightness
set [the|] brightness of {d} to {v}
set {d} brightness to {v}
dim {d} to {v}
dim {d} down to {v}
brighten {d} to {v}
turn {d} to {v}
turn {d} up to {v}
turn {d} down to {v}
change {d} to {v}
change [the|] brightness of {d} to {v}
adjust {d} to {v}
bring {d} to {v}
bring {d} down to {v}
put {d} at {v}
put {d} on {v}
lower {d} to {v}
raise {d} to {v}
reduce {d} to {v}
reduce [the|] brightness of {d} to {v}
increase {d} to {v}
make {d} {v}
make {d} {v} bright
drop {d} to {v}
fade {d} to {v}
take {d} down to {v}
turn on {d} at {v}
switch {d} on at {v}
run {d} at {v}
! {d} [to|at] {v}
! {d} {v}
! i want {d} at {v}
! i'd like {d} at {v}
! {d} should be at {v}
! brightness of {d} [to|at] {v}
! {v} on {d}
! {v} brightness for {d}
""",
    ("light", "step", "up"): """
brighten {d}
brighten {d} up
brighten up {d}
turn up {d}
turn {d} up
make {d} brighter
make {d} [a bit|a little|much] brighter
increase {d}
increase [the|] brightness of {d}
increase [the|] brightness [in|on] {d}
raise {d}
raise the brightness of {d}
raise the light level of {d}
turn up the brightness of {d}
bring {d} up [a bit|a little|a notch|]
boost {d}
give me more light from {d}
crank up {d}
up the brightness of {d}
! {d} brighter
! {d} [is|are] too [dim|dark]
! {d} [is|are] not bright enough
! i need {d} brighter
! i need more light from {d}
! it's too dark, brighten {d}
! more light [from|on] {d}
! a bit more {d}
""",
    ("light", "step", "down"): """
dim {d}
dim down {d}
dim {d} [a bit|a little|a touch|down|some|slightly]
turn down {d}
turn {d} down
turn {d} down [a bit|a little|a notch]
make {d} dimmer
make {d} [a bit|a little|much] [dimmer|darker|less bright]
decrease [the|] brightness of {d}
decrease {d}
lower {d}
lower the brightness of {d}
lower the light level of {d}
reduce {d}
reduce the brightness of {d}
bring {d} down [a bit|a little|a notch|]
soften {d}
tone down {d}
take {d} down a notch
! {d} dimmer
! {d} [is|are] too bright
! {d} [is|are] blinding me
! {d} [hurts|hurt] my eyes
! i need {d} dimmer
! it's too bright, dim {d}
! less light [from|on] {d}
! a bit less {d}
""",
    ("light", "color", None): """
set {d} to {c}
turn {d} {c}
make {d} {c}
change {d} to {c}
change [the|] color of {d} to {c}
change the colour of {d} to {c}
switch {d} to {c}
set the color of {d} to {c}
set {d} color to {c}
paint {d} {c}
colour {d} {c}
color {d} {c}
make {d} glow {c}
turn {d} to {c}
have {d} shine {c}
give {d} a {c} color
put {d} on {c}
! {d} [in|to] {c}
! {d} {c}
! i want {d} {c}
! i want {d} to be {c}
! i'd like {c} for {d}
! {c} light from {d}
! {c} for {d}
! {d} should be {c}
! how about {c} for {d}
""",
    ("switch", "state", "on"): """
plug in {d}
get {d} going
get {d} running
run {d}
boot up {d}
kick on {d}
! {d} running please
""",
    ("switch", "state", "off"): """
unplug {d}
stop {d} running
cut power to {d}
! {d} can stop now
! stop running {d}
""",
    ("climate", "temperature", None): """
set {d} to {t}
set {d} at {t}
set [the|] temperature of {d} to {t}
set [the|] temperature on {d} to {t}
set {d} temperature to {t}
turn {d} to {t}
turn {d} up to {t}
turn {d} down to {t}
change {d} to {t}
change the temperature of {d} to {t}
adjust {d} to {t}
put {d} on {t}
put {d} at {t}
heat {d} to {t}
keep {d} at {t}
hold {d} at {t}
raise {d} to {t}
lower {d} to {t}
bring {d} to {t}
bring {d} up to {t}
make {d} {t}
drop {d} to {t}
bump {d} up to {t}
! {d} [to|at] {t}
! {d} {t}
! i want {d} at {t}
! i'd like {d} at {t}
! {t} on {d}
! {t} for {d} please
! {d} should be at {t}
! i want it {t} with {d}
""",
    ("climate", "step", "up"): """
turn up {d}
turn {d} up
turn {d} up [a bit|a little|a notch|some]
raise {d}
raise the temperature of {d}
raise the temperature on {d}
make {d} warmer
make {d} [a bit|a little] [warmer|hotter]
increase {d}
increase the temperature [of|on] {d}
crank up {d}
bump up {d}
warm up {d}
! i'm [cold|freezing|chilly], turn up {d}
! it's [cold|too cold|freezing], turn {d} up
! {d} warmer
! {d} is too [cold|low]
! more heat from {d}
""",
    ("climate", "step", "down"): """
turn down {d}
turn {d} down
turn {d} down [a bit|a little|a notch|some]
lower {d}
lower the temperature of {d}
lower the temperature on {d}
make {d} cooler
make {d} [a bit|a little] [cooler|colder]
decrease {d}
decrease the temperature [of|on] {d}
reduce {d}
cool down {d}
! i'm [hot|too warm|sweating], turn down {d}
! it's [hot|too hot|too warm|stuffy], turn {d} down
! {d} cooler
! {d} is too [hot|warm|high]
! less heat from {d}
""",
    ("climate", "mode", None): """
set {d} to {m}
set {d} to {m} mode
set {d} on {m}
switch {d} to {m}
switch {d} to {m} mode
change {d} to {m}
change {d} to {m} mode
put {d} in {m} mode
put {d} on {m}
turn {d} to {m}
change the mode of {d} to {m}
set the mode of {d} to {m}
run {d} in {m} mode
! {d} [to|in] {m} mode
! {d} [on|to] {m}
! i want {d} in {m} mode
! {m} mode on {d}
""",
    ("blind", "state", "open"): """
open {d}
open up {d}
raise {d}
raise up {d}
pull up {d}
pull {d} up
pull {d} open
draw {d} open
roll up {d}
roll {d} up
lift {d}
put {d} up
unfold {d}
let the [sun|light] in through {d}
get {d} open
have {d} opened
make sure {d} [is|are] open
! {d} open
! {d} up
! i want {d} open
! i'd like {d} opened
! {d} should be open
! let some [light|sun] in, open {d}
""",
    ("blind", "state", "close"): """
close {d}
close up {d}
lower {d}
pull down {d}
pull {d} down
pull {d} shut
pull {d} closed
draw {d}
draw {d} shut
roll down {d}
roll {d} down
shut {d}
put {d} down
drop {d}
get {d} closed
have {d} closed
make sure {d} [is|are] [closed|shut]
bring {d} down
! {d} [closed|shut]
! {d} down
! i want {d} [closed|shut]
! i'd like {d} closed
! {d} should be [closed|shut]
! the sun is blinding me, close {d}
! i need some privacy, close {d}
""",
    ("blind", "state", "stop"): """
stop {d}
stop {d} [right there|there|now|moving]
halt {d}
hold {d} there
freeze {d}
leave {d} where [it is|they are]
! {d} stop
! don't move {d} any further
""",
    ("blind", "position", None): """
set {d} to {v}
set {d} at {v}
open {d} to {v}
open {d} {v}
open {d} {v} of the way
raise {d} to {v}
lower {d} to {v}
put {d} at {v}
move {d} to {v}
bring {d} to {v}
pull {d} up to {v}
adjust {d} to {v}
set the position of {d} to {v}
set {d} to {v} open
make {d} {v} open
! {d} [to|at] {v}
! {d} {v} open
! i want {d} {v} open
! i want {d} at {v}
! {v} open for {d}
""",
    ("lock", "state", "lock"): """
lock {d}
lock up {d}
secure {d}
bolt {d}
make sure {d} [is|are] locked
get {d} locked
have {d} locked
keep {d} locked
set {d} to locked
engage the lock on {d}
engage {d}
put the lock on {d}
! {d} locked
! i want {d} locked
! i'd like {d} locked
! {d} [needs|need] to be locked
! {d} should be locked
! i forgot to lock {d}, [do it|please do it|can you do it]
! [i'm leaving|we're leaving|going to bed], lock {d}
! [check that|ensure] {d} [is|are] locked
""",
    ("lock", "state", "unlock"): """
unlock {d}
unbolt {d}
undo the lock on {d}
release {d}
release the lock on {d}
take the lock off {d}
disengage the lock on {d}
disengage {d}
get {d} unlocked
have {d} unlocked
set {d} to unlocked
make sure {d} [is|are] unlocked
! {d} unlocked
! i want {d} unlocked
! {d} [needs|need] to be unlocked
! i'm home, unlock {d}
! [someone|a guest|the postman] is at the door, unlock {d}
! let them in through {d}, unlock it
""",
    ("vacuum", "action", "start"): """
start {d}
run {d}
turn on {d}
turn {d} on
switch on {d}
send {d} out
send out {d}
get {d} going
get {d} [cleaning|to clean|to vacuum|to work]
start cleaning with {d}
start {d} cleaning
let {d} clean
have {d} clean [up|the floor|the house|the floors|everything|]
have {d} vacuum [the house|the floors|the carpet|the rug|]
tell {d} to [clean|start|start cleaning|vacuum|vacuum the house|clean the floor]
begin cleaning with {d}
activate {d}
make {d} clean
clean [the house|the floor|the floors|up|the carpet] with {d}
! i want {d} to clean
! the floor is [dirty|filthy|messy], start {d}
! {d} start
! time for {d} to clean
""",
    ("vacuum", "action", "stop"): """
stop {d}
turn off {d}
turn {d} off
switch off {d}
halt {d}
stop {d} cleaning
stop cleaning with {d}
shut off {d}
end cleaning with {d}
tell {d} to stop
make {d} stop
cancel the cleaning of {d}
! {d} stop
! {d} should stop
! that's enough from {d}
""",
    ("vacuum", "action", "pause"): """
pause {d}
put {d} on pause
put {d} on hold
pause the cleaning of {d}
pause cleaning with {d}
tell {d} to pause
tell {d} to wait
hold {d}
interrupt {d}
! {d} pause
! {d} wait
""",
    ("vacuum", "action", "dock"): """
dock {d}
send {d} home
send {d} back [to its dock|to its base|home|to the charger|to charge]
send {d} to [its dock|its base|the dock|the charger|charge]
return {d} to [its dock|its base|the base|the charger]
tell {d} to go home
tell {d} to [dock|charge|return to base|go back]
bring {d} home
get {d} back to [its|the] dock
charge {d}
park {d}
! {d} go home
! {d} back to [base|the dock]
! {d} should go [home|charge]
""",
    ("vacuum", "room", None): """
vacuum the {r} with {d}
clean the {r} with {d}
have {d} clean the {r}
have {d} vacuum the {r}
send {d} to the {r}
send {d} into the {r}
tell {d} to clean the {r}
tell {d} to vacuum the {r}
start {d} in the {r}
run {d} in the {r}
let {d} clean the {r}
use {d} in the {r}
use {d} to clean the {r}
get {d} to do the {r}
get {d} to clean the {r}
! {d} clean the {r}
! i want {d} to clean the {r}
! the {r} is [dirty|a mess|dusty], send {d}
! {d} in the {r}
! the {r} needs cleaning, use {d}
""",
    # {e} is empty for a player that was not named, or " on the tv", " in the kitchen speaker" ...
    ("media", "action", "play"): """
play{e}
play [music|some music|the music]{e}
play something{e}
play [me|us] something{e}
resume{e}
resume [the music|the song|playback|playing|the movie|the show]{e}
continue [the music|the song|playing|playback|the movie]{e}
unpause{e}
unpause the [music|song|video]{e}
start [the music|playing|playing music|some music]{e}
put [some|on some|the] music on{e}
put on [music|some music|something]{e}
turn on [the|some] music{e}
turn the music on{e}
keep playing{e}
press play{e}
hit play{e}
start playback{e}
! i want to [hear|listen to] [music|some music]{e}
! let's hear some music{e}
! i want music{e}
! music{e} please
! back to the music{e}
! i'd like to listen to something{e}
! can we have some music{e}
""",
    ("media", "action", "pause"): """
pause{e}
pause [the music|the song|the movie|the video|playback|the show|the track|the podcast]{e}
pause [it|that|this]{e}
hold the [music|song|movie]{e}
put the [music|song|movie] on [pause|hold]{e}
freeze the [movie|video|picture]{e}
hit pause{e}
press pause{e}
stop the music for a [second|moment|minute]{e}
! [music|song|movie] on pause{e}
! one moment, pause{e}
""",
    ("media", "action", "stop"): """
stop [the music|the song|playing|playing music|playback|the track|the radio|the podcast|the movie]{e}
turn off the music{e}
turn the music off{e}
switch off the music{e}
shut off the [music|song]{e}
stop playing [that|this|this song|music]{e}
end the [music|song|playback]{e}
kill the music{e}
cut the music{e}
quit playing{e}
! no more music{e}
! that's enough music{e}
! music off{e}
! i don't want to hear [music|this] anymore{e}
! enough of this [song|music]{e}
""",
    ("media", "action", "next"): """
next [song|track|one|]{e}
skip{e}
skip [this|this song|this one|the song|this track|to the next song|to the next track|ahead|forward|it|song]{e}
play the next [song|track|one|episode|thing]{e}
play next [song|track]{e}
go to the next [song|track|one|episode]{e}
move on to the next [song|track]{e}
change the [song|track|channel]{e}
jump to the next [song|track]{e}
advance to the next [song|track]{e}
switch to the next [song|track]{e}
move to the next [song|track|one]{e}
put on the next [song|track]{e}
play [another|a different] song{e}
go forward [a|one] [song|track]{e}
! i don't like this [song|one|track], skip it{e}
! i hate this song, next{e}
! next please{e}
! not this one, next{e}
! i want [to hear|] the next song{e}
""",
    ("media", "action", "previous"): """
previous [song|track|one]{e}
play the previous [song|track|one|episode]{e}
go back [a song|one song|one track|a track|to the last song|to the previous song|to the previous track]{e}
play the last song again{e}
back to the previous [song|track]{e}
play that last one again{e}
last [song|track] again{e}
skip back{e}
jump back [a song|one track]{e}
return to the [previous|last] [song|track]{e}
rewind to the previous track{e}
! i want to hear the previous [song|track] again{e}
! i liked the last song, go back{e}
! one song back{e}
""",
    ("media", "action", "mute"): """
mute{e}
mute [the sound|the volume|the audio|it|the music|everything|this]{e}
silence{e}
silence [the sound|the music|it|the audio]{e}
turn off the [sound|volume|audio]{e}
turn the [sound|volume|audio] off{e}
kill the sound{e}
cut the [sound|audio|volume]{e}
be silent{e}
make it silent{e}
shut [up|off the sound]{e}
hit mute{e}
be quiet{e}
keep quiet{e}
! no sound{e}
! [i need|i want] [silence|it quiet|quiet]{e}
! sound off{e}
! i'm on the phone, mute{e}
! quiet please{e}
! stop making noise{e}
""",
    ("media", "action", "unmute"): """
unmute{e}
unmute [the sound|the volume|the audio|it|the music|everything]{e}
turn the [sound|audio|volume] back on{e}
turn the [sound|audio] on{e}
turn on the [sound|audio|volume]{e}
bring the sound back{e}
bring back the [sound|audio|volume]{e}
restore the [sound|volume]{e}
cancel mute{e}
stop muting{e}
end mute{e}
! sound back on{e}
! i want the sound back{e}
! sound on{e}
! i can't hear anything, unmute{e}
""",
    ("media", "volume", None): """
set [the|] volume to {v}{e}
set [the|] volume at {v}{e}
set [the|] volume level to {v}{e}
turn [the|] volume to {v}{e}
turn the volume up to {v}{e}
turn the volume down to {v}{e}
change [the|] volume to {v}{e}
change the volume level to {v}{e}
put the volume [at|on] {v}{e}
put the volume up to {v}{e}
raise the volume to {v}{e}
increase the volume to {v}{e}
lower the volume to {v}{e}
decrease the volume to {v}{e}
reduce the volume to {v}{e}
adjust [the|] volume to {v}{e}
make the volume {v}{e}
bring the volume to {v}{e}
move the volume to {v}{e}
set the sound to {v}{e}
set [your|the] [speaker|music|audio] volume to {v}{e}
turn it up to {v}{e}
turn it down to {v}{e}
drop the volume to {v}{e}
! volume [to|at] {v}{e}
! volume {v}{e}
! volume level {v}{e}
! i want the volume at {v}{e}
! i'd like the volume to be {v}{e}
! the volume should be {v}{e}
! i need the volume at {v}{e}
! {v} volume{e}
""",
    ("media", "step", "up"): """
turn up the [volume|sound|music|audio]{e}
turn the [volume|sound|music|audio] up{e}
turn the volume up [a bit|a little|a notch|some|more|a lot]{e}
turn it up{e}
turn up{e}
volume up{e}
raise the [volume|sound]{e}
increase the [volume|sound|sound level|volume level|music volume]{e}
increase [volume|your volume]{e}
make it louder{e}
make the [music|sound|volume|song|audio] louder{e}
pump up the [volume|music|sound]{e}
pump it up{e}
crank it up{e}
crank up the [volume|music|sound]{e}
up the volume{e}
bring the volume up{e}
boost the [volume|sound]{e}
bump up the volume{e}
put the volume up{e}
play [it|the music] louder{e}
speak [up|louder]{e}
! louder{e}
! louder [please|music]{e}
! a bit louder{e}
! i can't hear [it|the music|this|you|that]{e}
! i can barely hear [it|the music|this|you]{e}
! it's too [quiet|low|soft]{e}
! the [volume|sound|music] is too [low|quiet|soft]{e}
! more volume{e}
! i [want|need] it louder{e}
! higher volume{e}
! the volume needs to be [higher|louder]{e}
""",
    ("media", "step", "down"): """
turn down the [volume|sound|music|audio]{e}
turn the [volume|sound|music|audio] down{e}
turn the volume down [a bit|a little|a notch|some|more|a lot]{e}
turn it down{e}
turn down{e}
volume down{e}
lower the [volume|sound|music]{e}
lower [volume|your volume]{e}
decrease the [volume|sound|sound level|volume level]{e}
reduce the [volume|sound|noise]{e}
make it [quieter|softer|less loud]{e}
make the [music|sound|volume|song|audio] [quieter|softer|lower]{e}
bring the volume down{e}
bring down the [volume|sound]{e}
tone down the [music|volume|sound]{e}
tone it down{e}
drop the volume{e}
soften the [music|sound]{e}
play [it|the music] [softer|quieter]{e}
take the volume down [a bit|a notch|]{e}
quiet down{e}
! quieter{e}
! quieter please{e}
! a bit [quieter|softer]{e}
! it's too loud{e}
! the [volume|sound|music] is too [loud|high]{e}
! less volume{e}
! you are too loud{e}
! i [want|need] it quieter{e}
! not so loud{e}
! lower volume{e}
! the volume needs to be lower{e}
""",
    ("media", "query", None): """
play {q}{e}
play me {q}{e}
play us {q}{e}
put on {q}{e}
put {q} on{e}
start playing {q}{e}
begin playing {q}{e}
queue up {q}{e}
throw on {q}{e}
stream {q}{e}
tune in to {q}{e}
tune to {q}{e}
find and play {q}{e}
shuffle {q}{e}
look up and play {q}{e}
search for {q} and play it{e}
get {q} playing{e}
go ahead and play {q}{e}
! i want to [hear|listen to] {q}{e}
! i'd like to [hear|listen to] {q}{e}
! i would love to hear {q}{e}
! let me hear {q}{e}
! let's [hear|listen to] {q}{e}
! i feel like [hearing|listening to] {q}{e}
! i'm in the mood for {q}{e}
! i need to hear {q}{e}
! i wanna [hear|listen to] {q}{e}
! do you have {q}, play it{e}
! can i [hear|listen to] {q}{e}
! may i hear {q}{e}
! will you play {q}{e}
""",
    ("timer", "set", None): """
set a timer for {u}{w}
set a {u} timer{w}
set timer for {u}{w}
set timer to {u}{w}
set [the|my] timer [for|to] {u}{w}
start a timer for {u}{w}
start a {u} timer{w}
start a {u} countdown{w}
start a countdown of {u}{w}
create a timer for {u}{w}
create a {u} timer{w}
make a timer for {u}{w}
make a {u} timer{w}
put a timer on for {u}{w}
put {u} on the timer{w}
put {u} on the clock{w}
give me a timer for {u}{w}
give me a {u} timer{w}
time {u}{w}
time me for {u}{w}
count down {u}{w}
count down from {u}{w}
begin a {u} timer{w}
begin a timer for {u}{w}
run a timer for {u}{w}
run a {u} timer{w}
add a timer for {u}{w}
launch a {u} timer{w}
let me know when {u} [is up|are up|have passed|have gone by|is over]{w}
tell me when {u} [is up|are up|have passed]{w}
set up a timer for {u}{w}
set up a {u} timer{w}
use a timer for {u}{w}
get a timer going for {u}{w}
get a {u} timer going{w}
! timer for {u}{w}
! timer {u}{w}
! {u} timer{w}
! i need a timer for {u}{w}
! i need a {u} timer{w}
! i want a timer for {u}{w}
! i want a {u} timer{w}
! countdown {u}{w}
! {u} on the timer{w}
! i'd like a timer set for {u}{w}
! i would like a {u} timer{w}
! i need you to set a timer for {u}{w}
""",
    ("timer_control", "action", "cancel"): """
cancel [the|my|that|this] timer
cancel timer
stop [the|my|that] timer
delete [the|my] timer
turn off [the|my] timer
clear [the|my] timer
remove [the|my] timer
end [the|my] timer
kill the timer
get rid of the timer
abort the timer
dismiss the timer
stop the countdown
cancel the countdown
! forget the timer
! i don't need the timer anymore
! never mind the timer
! timer off
! no more timer
""",
    ("timer_control", "action", "pause"): """
pause [the|my|that] timer
pause timer
hold the timer
put the timer on [hold|pause]
pause the countdown
freeze the timer
halt the timer for now
! timer on pause
""",
    ("timer_control", "action", "resume"): """
resume [the|my|that] timer
resume timer
continue [the|my] timer
unpause the timer
restart the paused timer
start the timer again
resume the countdown
let the timer go on
! keep the timer going
""",
    ("timer_control", "action", "query"): """
check [the|my] timer
check how [much time|long] is left on the timer
tell me how much time is left on [the|my] timer
tell me how long [the|my] timer has left
show me the timer
! how much time is left on [the|my] timer
! how much time [do i have left|remains] on [the|my] timer
! how long is left on [the|my] timer
! how long until [the|my] timer [goes off|ends|is done|rings|is up]
! how many minutes [are|do i have] left on [the|my] timer
! how much longer [on|for|does] the timer
! when does the timer [end|go off|ring|finish]
! when will [the|my] timer [end|go off|ring|finish|be done]
! what's left on [the|my] timer
! what is the timer at
! is the timer [done|still running|running|finished]
! where is my timer at
! timer status
! how is the timer doing
! time left on timer
""",
    ("scene", "scene", None): """
activate {s}
activate the {s} scene
activate {s} mode
activate scene {s}
start {s}
start the {s} scene
start {s} mode
turn on {s}
turn on the {s} scene
turn on {s} mode
set {s}
set the {s} scene
set the scene to {s}
set the mood to {s}
set [the house|the home|everything|my home] to {s}
switch to {s}
switch to the {s} scene
switch to {s} mode
run {s}
run the {s} scene
run scene {s}
enable {s}
enable {s} mode
trigger {s}
trigger the {s} scene
launch {s}
launch the {s} scene
go to {s} mode
go into {s} mode
put [the house|everything] in {s} mode
apply the {s} scene
get [the house|everything|things] ready for {s}
change to the {s} scene
execute the {s} scene
load {s}
! {s}
! {s} please
! {s} scene
! {s} mode
! scene {s}
! it's time for {s}
! time for {s}
! i want the {s} scene
! let's do {s}
! let's have {s}
! i'd like {s} mode
! we are ready for {s}
""",
}
TOOLS = {k: v.strip().split("\n") for k, v in TOOLS.items()}

# Questions about a device; {d} as above. Keyed by kind; "" fits every kind.
STATE = {
    "": """
check {d}
check on {d}
check the [status|state] of {d}
tell me the [status|state] of {d}
give me the status of {d}
show me the [status|state] of {d}
look up the state of {d}
get the status of {d}
report on {d}
! what is the [status|state] of {d}
! what's the [status|state] of {d}
! how is {d}
! what about {d}
! {d} status
! status of {d}
! what is {d} doing
! what's up with {d}
! is everything ok with {d}
! what state is {d} in
""",
    "power": """
check [if|whether] {d} [is|are] [on|off|still on|running]
tell me if {d} [is|are] [on|off|still on|running]
tell me whether {d} [is|are] [on|off]
see if {d} [is|are] [on|off]
let me know if {d} [is|are] [on|off]
find out if {d} [is|are] still on
! [is|are] {d} on
! [is|are] {d} off
! [is|are] {d} on or off
! [is|are] {d} [still|currently|already] [on|off|running]
! [is|are] {d} [turned|switched] [on|off]
! did i [leave|turn off|switch off|forget|turn on] {d}
! did i leave {d} on
! did [someone|anyone] leave {d} on
! have i [turned off|left on] {d}
! did you turn off {d}
! did {d} [turn on|turn off|go off|come on]
! do i have {d} on
! [is|are] {d} [running|active|powered on]
! i wonder if {d} [is|are] on
! was {d} left on
! {d}, on or off
""",
    "light": """
! how bright [is|are] {d}
! what color [is|are] {d}
! what's the brightness of {d}
! what is the brightness level of {d}
! at what brightness [is|are] {d}
! [is|are] {d} dimmed
! tell me the brightness of {d}
! [is|are] {d} lit
""",
    "climate": """
tell me the temperature of {d}
tell me what {d} is set to
check the temperature [on|of] {d}
! what temperature is {d} [at|set to|on]
! what is {d} set to
! what's {d} set at
! what's the temperature [on|of] {d}
! how warm is {d}
! what does {d} say
! how hot is {d} set
! which mode is {d} in
! what is the temperature on {d}
! is {d} [heating|cooling]
""",
    "blind": """
check [if|whether] {d} [is|are] [open|closed|shut]
tell me if {d} [is|are] [open|closed]
see if {d} [is|are] closed
! [is|are] {d} [open|closed|shut|up|down]
! [is|are] {d} [still|already|fully] [open|closed|down]
! did i [close|open|leave open] {d}
! how far open [is|are] {d}
! what position [is|are] {d} in
! did [someone|anyone] close {d}
! [is|are] {d} open or closed
""",
    "lock": """
check [if|whether] {d} [is|are] [locked|unlocked|secure]
check that {d} was locked
tell me if {d} [is|are] [locked|unlocked]
see if {d} [is|are] locked
let me know if {d} [is|are] locked
! [is|are] {d} [locked|unlocked|secure|secured]
! [is|are] {d} [still|already] [locked|unlocked]
! did i lock {d}
! did i [leave|forget] {d} unlocked
! did i forget to lock {d}
! have i locked {d}
! did [someone|anyone] unlock {d}
! [is|are] {d} locked or unlocked
! was {d} locked
! i'm not sure if i locked {d}
""",
    "media": """
! what is {d} playing
! what's [playing on|on] {d}
! what's the volume of {d}
! how loud is {d}
! what volume is {d} at
! is {d} [playing|muted|paused]
! is anything playing on {d}
! what channel is {d} on
""",
    "vacuum": """
! is {d} [cleaning|running|docked|charging|done|finished|stuck]
! where is {d}
! has {d} finished
! is {d} still cleaning
! what's the battery level of {d}
! how much battery does {d} have
! is {d} done cleaning
! how far is {d} with cleaning
! how long has {d} been cleaning
""",
    "sensor": """
read {d}
tell me what {d} says
give me the reading of {d}
get the value of {d}
check what {d} says
! what does {d} [say|show|read|measure|report]
! what is {d} [showing|reading|measuring|saying]
! what's the reading on {d}
! what is the value of {d}
! what's {d} at
! did {d} [go off|trigger|detect anything|pick up anything]
! has {d} [gone off|triggered|detected anything|detected movement]
! is {d} [triggered|active|quiet|reporting anything]
! any alerts from {d}
! anything from {d}
! when did {d} last trigger
""",
}
STATE = {k: v.strip().split("\n") for k, v in STATE.items()}

# {x} is a whole request.
POLITE = """
please {x}
{x} please
{x} now
{x} right now
{x} for me
{x} for me please
{x} thanks
{x} thank you
{x}, please
{x} would you
{x}, will you
{x} if you can
{x} if you don't mind
{x} when you can
{x} real quick
{x} asap
{x} immediately
{x} at once
can you {x}
can you {x} please
can you please {x}
can you {x} for me
could you {x}
could you {x} please
could you please {x}
could you {x} for me
would you {x}
would you please {x}
would you kindly {x}
will you {x}
will you please {x}
kindly {x}
just {x}
now {x}
ok {x}
okay {x}
okay now {x}
hey {x}
hey please {x}
hey can you {x}
hey could you {x}
hi {x}
hello, {x}
hello, can you {x}
so {x}
um {x}
uh {x}
well {x}
alright {x}
yes {x}
yeah can you {x}
quickly {x}
i want you to {x}
i need you to {x}
i'd like you to {x}
i would like you to {x}
i would like to {x}
i'd like to {x}
i want to {x}
i need to {x}
i wish to {x}
i'm asking you to {x}
is it possible to {x}
do me a favor and {x}
be so kind and {x}
go ahead and {x}
let's {x}
you can {x}
you should {x}
you may {x}
time to {x}
help me {x}
i think you should {x}
make it so you {x}
remember to {x} now
if you could {x} that would be great
if possible {x}
may i ask you to {x}
might you {x}
any chance you could {x}
don't forget to {x}
actually {x}
hurry and {x}
assistant {x}
assistant, please {x}
computer {x}
house, {x}
robot, {x}
""".strip().split("\n")

JOINS = """
{x} and {y}
{x} and then {y}
{x} and also {y}
{x}, {y}
{x}, and {y}
{x}, then {y}
{x} then {y}
{x} also {y}
{x} and please {y}
{x}. {y}
{x} plus {y}
{x} as well as {y}
{x} and after that {y}
{x} and while you're at it {y}
first {x} then {y}
first {x} and then {y}
both {x} and {y}
{x}, also {y}
{x} & {y}
{x}. then {y}
{x} and next {y}
{x}, after that {y}
{x} but also {y}
""".strip().split("\n")

# Requests that name no device at all; generate.py takes the only one of the kind, or the group.
BARE = {
    ("light", "state", "on"): """
! lights
! lights on
! i need light
! let there be light
! it's dark in here
lighten up the room
give me some light
""",
    ("light", "state", "off"): """
! lights off
! lights out
make it dark
! i want it dark in here
! no lights
go dark
! darkness please
""",
    ("light", "step", "up"): """
make it brighter [in here|]
make the room brighter
brighten the room
brighten it up [in here|]
! it's too dark [in here|]
! i need more light [in here|]
! more light
! it's a bit dim in here
! i can't see [anything|a thing|well] in here
! not enough light here
! brighter
! lights up
""",
    ("light", "step", "down"): """
make it [darker|dimmer] [in here|]
make the room [darker|dimmer]
dim the room
dim it [in here|a bit|]
! it's too bright [in here|]
! it's so bright in here
! less light
! dimmer
! i want less light in here
! lights down
! the room is too bright
""",
    ("light", "brightness", None): """
! lights [to|at] {v}
! brightness {v}
set [the|] brightness to {v}
dim to {v}
make it {v} bright in here
set the light level to {v}
""",
    ("light", "color", None): """
make it {c} in here
make the room {c}
! {c} light
! {c} lights
! i want {c} light
set the color to {c}
change the [color|light color] to {c}
give me {c} light
! lights {c}
""",
    ("climate", "temperature", None): """
set the temperature to {t}
make it {t} in here
set the house to {t}
heat the house to {t}
cool the house to {t}
keep it at {t} in here
! temperature {t}
! i want it to be {t} in here
change the temperature to {t}
bring the house to {t}
""",
    ("climate", "step", "up"): """
make it warmer [in here|]
! it's [cold|freezing|chilly|too cold] in here
! i'm [cold|freezing]
turn up the heat
raise the temperature
warm it up in here
! i need it warmer
increase the temperature
! warmer
! it could be warmer in here
""",
    ("climate", "step", "down"): """
make it [cooler|colder] [in here|]
! it's [hot|too hot|too warm|boiling] in here
! i'm [sweating|too hot]
turn down the heat
lower the temperature
cool it down in here
! i need it cooler
decrease the temperature
! cooler
! it could be cooler in here
""",
    ("vacuum", "action", "start"): """
vacuum
vacuum the [house|floor|floors|carpet|rug|whole house|apartment]
vacuum everything
clean the [house|floor|floors|carpet|whole house|apartment]
start [vacuuming|cleaning|hoovering|sweeping]
hoover the [house|floor|carpet]
sweep the [floor|floors|house]
mop the [floor|floors]
do the [vacuuming|floors]
begin [vacuuming|cleaning]
clean up the [floor|house]
! the floor [is dirty|is filthy|needs cleaning|needs vacuuming]
! the house needs vacuuming
! the carpet is dirty
! time to vacuum
! i want the [floor|house] vacuumed
""",
    ("vacuum", "action", "stop"): """
stop [vacuuming|cleaning|hoovering]
stop the cleaning
quit vacuuming
! no more vacuuming
! that's enough cleaning
end the vacuuming
""",
    ("vacuum", "action", "pause"): """
pause [vacuuming|cleaning]
pause the [vacuuming|cleaning]
! wait with the vacuuming
interrupt the vacuuming
hold the cleaning
""",
    ("vacuum", "room", None): """
vacuum the {r}
clean the {r}
hoover the {r}
sweep the {r}
mop the {r}
clean up the {r}
vacuum in the {r}
clean the floor in the {r}
clean the {r} floor
do the {r} floor
vacuum the floor in the {r}
start cleaning in the {r}
start vacuuming the {r}
give the {r} a clean
! the {r} [is dirty|needs vacuuming|needs to be cleaned|is a mess]
! i want the {r} [cleaned|vacuumed]
! the floor in the {r} is dirty
""",
    ("blind", "state", "open"): """
let [the|some] [light|sun|sunlight] in
! blinds [up|open]
! curtains open
! i want to see outside
""",
    ("blind", "state", "close"): """
keep the sun out
! blinds [down|closed|shut]
! curtains closed
block the sun
""",
    ("lock", "state", "lock"): """
lock up
lock up the house
lock everything
! i'm leaving, lock up
""",
}
BARE = {k: v.strip().split("\n") for k, v in BARE.items()}

# What a certain appliance is for, said instead of its name.
CHORES = {
    "coffee": """
make [me|us|] [a|some|] coffee
make [me|us] a cup of coffee
make a cup of coffee
brew [me|] [some|a|] coffee
brew [me|] a [cup|pot] of coffee
start [the coffee|a coffee|brewing coffee|coffee|brewing]
prepare [a|me a|some|] coffee
prepare a cup of coffee
get [me|] a coffee [ready|going]
get the coffee going
pour me a coffee
put [on some coffee|the coffee on|coffee on]
! i want [coffee|a coffee|some coffee|a cup of coffee]
! i need [coffee|a coffee|some coffee|a cup of coffee]
! coffee please
! coffee
! a cup of coffee please
! time for coffee
! i'd like [a|some] coffee
! can i [have|get] [a|some] coffee
! may i have a cup of coffee
! fix me a coffee
! how about some coffee
""".strip().split("\n"),
    "kettle": """
boil [some|the|] water
heat [some|the] water
put the water on
make [hot water|water for tea|some hot water]
get the water boiling
start boiling water
! i need hot water
! i want boiling water
""".strip().split("\n"),
}

NAMED_TIMERS = """
set a {n} timer for {u}
start a {n} timer for {u}
create a {n} timer for {u}
set a {n} timer of {u}
set the {n} timer to {u}
make a {n} timer for {u}
set the {n} timer for {u}
! {n} timer for {u}
! {n} timer {u}
! i need a {n} timer for {u}
! i want a {n} timer for {u}
add a {n} timer for {u}
start the {n} timer for {u}
""".strip().split("\n")

# Media requests with the player's name inside rather than at the end.
PLAYERS = {
    ("media", "step", "up"): """
turn up {d}
turn {d} up
turn up the volume [of|on] {d}
turn {d} volume up
raise the volume [of|on] {d}
make {d} louder
increase the volume [of|on] {d}
crank up {d}
crank {d} up
increase {d} volume
! {d} louder
! {d} volume up
! {d} is too [quiet|low]
! i can't hear {d}
! louder on {d}
""",
    ("media", "step", "down"): """
turn down {d}
turn {d} down
turn down the volume [of|on] {d}
turn {d} volume down
lower the volume [of|on] {d}
make {d} [quieter|softer]
decrease the volume [of|on] {d}
reduce {d} volume
lower {d} volume
! {d} quieter
! {d} volume down
! {d} is too loud
! quieter on {d}
""",
    ("media", "volume", None): """
set {d} to {v}
set {d} volume to {v}
set the volume of {d} to {v}
turn {d} to {v}
turn {d} up to {v}
turn {d} down to {v}
change {d} volume to {v}
put {d} at {v}
make {d} volume {v}
bring {d} to volume {v}
! {d} volume {v}
! {d} at {v}
! i want {d} at {v}
! volume {v} for {d}
""",
    ("media", "action", "mute"): """
mute {d}
silence {d}
turn off the sound of {d}
make {d} silent
cut the sound of {d}
! {d} on mute
! no sound from {d}
""",
    ("media", "action", "unmute"): """
unmute {d}
turn the sound of {d} back on
bring back the sound of {d}
! sound on for {d}
take {d} off mute
""",
    ("media", "action", "pause"): """
pause {d}
put {d} on pause
freeze {d}
hold {d}
! {d} on hold
! pause what's on {d}
""",
    ("media", "action", "stop"): """
stop playing on {d}
stop what's playing on {d}
end playback on {d}
stop {d} from playing
""",
    ("media", "action", "play"): """
resume {d}
unpause {d}
get {d} playing
let {d} play
have {d} play [music|something]
make {d} play [music|something]
use {d} to play [music|something]
""",
    ("media", "action", "next"): """
skip what's on {d}
make {d} skip [this|the song]
tell {d} to skip
have {d} play the next [song|track]
! next on {d}
! next song for {d}
""",
    ("media", "query", None): """
use {d} to play {q}
have {d} play {q}
make {d} play {q}
tell {d} to play {q}
get {d} to play {q}
let {d} play {q}
! i want {d} to play {q}
""",
}
PLAYERS = {k: v.strip().split("\n") for k, v in PLAYERS.items()}


def _merge(lines, more):
    lines.extend(line for line in more if line not in lines)


_merge(ON, paraphrases.ON)
_merge(OFF, paraphrases.OFF)
for _table, _more in ((TOOLS, paraphrases.TOOLS), (STATE, paraphrases.STATE)):
    for _key, _lines in _more.items():
        _merge(_table[_key], _lines)
