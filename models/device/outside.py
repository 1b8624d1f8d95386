# What people say to an assistant that is no business of a household controller: our own grammar of requests,
# questions and talk from many walks of life, with near misses that mention lights, doors, timers or music.
# Lines are productions as in phrases.py; slots in braces are filled from WORDS or by generate.py.
"""Out-of-scope productions of the specialist's generator, by subject."""

import pathlib

WORDS = {
    "place": """paris|london|tokyo|berlin|madrid|rome|new york|chicago|boston|texas|california|florida|ohio|canada|
mexico|brazil|china|japan|india|egypt|kenya|france|germany|spain|italy|greece|turkey|norway|sweden|poland|russia|
australia|peru|chile|lisbon|vienna|prague|dublin|amsterdam|hawaii|alaska|denver|seattle|miami|dallas|atlanta|houston|
las vegas|san francisco|los angeles|hong kong|singapore|seoul|bangkok|moscow|cairo|sydney|the airport|downtown|my city|
the moon|europe|africa|south america|the north pole|here|my town|the mall|the office building|antarctica""",
    "person": """my mom|my dad|my boss|my wife|my husband|my sister|my brother|my friend|john|mary|bob|alice|susan|
steve|karen|james|linda|my doctor|my dentist|my landlord|my teacher|grandma|my aunt|my neighbor|jenny|mark|chris|
the plumber|my lawyer|customer service|my coworker|my girlfriend|my boyfriend|my son|my daughter|my team|uncle joe""",
    "celebrity": """the president|the queen|the pope|albert einstein|shakespeare|napoleon|mozart|beethoven|elvis|
madonna|michael jackson|barack obama|lincoln|columbus|picasso|the prime minister|tom hanks|messi|lebron james|
the mayor|beyonce|taylor swift|elon musk|bill gates|steve jobs|leonardo da vinci|julius caesar|cleopatra|darwin|newton|
edison|tesla|harry potter|batman|superman|santa claus|the ceo of apple|steven spielberg|brad pitt|the dalai lama""",
    "thing": """car|phone|laptop|house|dog|cat|bike|guitar|camera|watch|book|dress|shoes|jacket|chair|bed|mattress|
printer|tent|ticket|passport|wallet|keys|glasses|umbrella|backpack|suitcase|ring|drone|headphones|game|toy|gift|
flowers|shampoo|toilet paper|batteries|paper towels|laundry detergent|toothpaste|soap|light bulbs|lamp shade|couch|
tv|new tv|speaker|vacuum bag|door handle|curtain rod|air filter|fridge|helmet|truck|boat|motorcycle|dvd|sunscreen""",
    "food": """pizza|pasta|chicken|beef|rice|eggs|milk|bread|cheese|butter|sugar|salt|chocolate|cake|cookies|apples|
bananas|oranges|lasagna|soup|salad|sushi|tacos|burgers|steak|salmon|shrimp|potatoes|tomatoes|onions|carrots|beans|
coffee|tea|wine|beer|orange juice|ice cream|pancakes|oatmeal|yogurt|honey|turkey|lamb chops|meatloaf|chili|curry|
spaghetti|fried rice|omelette|brownies|lemonade|avocado|peanut butter|tofu|quinoa|waffles|guacamole|pie|stew""",
    "when": """today|tomorrow|tonight|yesterday|monday|tuesday|wednesday|thursday|friday|saturday|sunday|next week|
this week|this weekend|next month|this month|next year|last week|last month|last year|in the morning|this afternoon|
this evening|at noon|at five pm|at 7 am|at 3|at six thirty|on march 3rd|on the fifth|on june first|in two hours|
in december|on my birthday|next friday|every day|on christmas|from april 1 to 4|by friday|right now|on the 21st|
the day after tomorrow|between 2 and 4|at 10 pm|at eight|before noon|in 20 minutes|for the holidays""",
    "lang": """spanish|french|german|italian|chinese|japanese|korean|russian|arabic|portuguese|dutch|swedish|polish|
turkish|greek|hindi|latin|hebrew|english|vietnamese|thai|irish|finnish""",
    "saying": """hello|goodbye|thank you|good morning|i love you|where is the bathroom|how much is it|my name is|
see you soon|excuse me|cheers|the cat is black|open the window|turn on the light|happy birthday|nice to meet you|water""",
    "money": """dollars|euros|pounds|yen|pesos|rupees|francs|us dollars|canadian dollars|yuan|bitcoin|australian dollars""",
    "unit": """miles|kilometers|feet|inches|meters|pounds|kilograms|ounces|grams|cups|liters|gallons|tablespoons|
teaspoons|celsius|fahrenheit|hours|minutes|days|weeks|acres|yards|centimeters|degrees""",
    "account": """checking account|savings account|bank account|credit card|visa|mastercard|american express|debit card|
bank of america account|chase account|wells fargo account|account|gas card|discover card|pin|paypal""",
    "bill": """electric bill|electricity bill|water bill|gas bill|phone bill|rent|mortgage|cable bill|insurance|
credit card bill|internet bill|car payment|student loan|taxes|power bill|heating bill|light bill""",
    "shop": """walmart|target|amazon|costco|ikea|starbucks|mcdonalds|burger king|best buy|ebay|the store|the supermarket|
the pharmacy|the bank|the post office|the gas station|the library|the gym|the cinema|the museum|olive garden|
the italian restaurant|a coffee shop|the bakery|pizza hut|dominos|home depot|the hardware store|the lighting store""",
    "air": """delta|united|american airlines|southwest|lufthansa|ryanair|jetblue|british airways|my airline""",
    "list": """shopping list|grocery list|to do list|todo list|packing list|wish list|list|task list|reminders|chores list|
contacts list|guest list|christmas list|playlist|favorites""",
    "event": """meeting|appointment|dentist appointment|party|birthday|dinner|lunch|call|interview|conference|concert|
wedding|game|class|doctor's appointment|flight|vacation|barbecue|exam|anniversary|brunch|event|haircut|date""",
    "media": """facebook|twitter|instagram|whatsapp|linkedin|youtube|tiktok|snapchat|reddit|pinterest""",
    "sport": """football|soccer|basketball|baseball|tennis|golf|hockey|cricket|rugby|nfl|nba|world cup|super bowl|olympics|
lakers|yankees|patriots|red sox|manchester united|barcelona|chess|formula one|boxing""",
    "subject": """physics|history|math|chemistry|biology|geography|philosophy|art|economics|politics|religion|
psychology|gravity|evolution|photosynthesis|electricity|light|sound|heat|temperature|magnetism|black holes|dinosaurs|
volcanoes|democracy|inflation|the stock market|climate change|world war two|the roman empire|blockchain|yoga|vaccines|
the internet|artificial intelligence|quantum mechanics|love|music theory|jazz|opera|rock music|locks|keys|windows|
thermostats|vacuums|light bulbs|lamps|candles|fireworks|the sun|the ocean|whales|elephants|bees|coffee|timers|clocks""",
    "stock": """apple|google|tesla|microsoft|amazon|ibm|intel|nike|disney|walmart|ford|netflix|dow jones|nasdaq|gold""",
    "carpart": """oil|tires|brakes|engine|battery|windshield wipers|headlights|spark plugs|transmission|air filter|
tire pressure|coolant|gas|check engine light|turn signal|fuel|brake lights""",
    "feeling": """happy|sad|tired|bored|lonely|angry|sick|excited|nervous|hungry|stressed|sleepy|great|fine|awful|confused|
cold hearted|in love|lost|ok|depressed|thirsty|dizzy""",
    "job": """doctor|lawyer|teacher|engineer|nurse|pilot|chef|plumber|electrician|writer|actor|singer|manager|farmer""",
}
WORDS = {k: v.replace("\n", "").split("|") for k, v in WORDS.items()}

SUBJECTS = {
    "knowledge": """
who [is|was] {celebrity}
how old is {celebrity}
how tall is {celebrity}
where was {celebrity} born
when did {celebrity} die
what is {celebrity} famous for
who is {celebrity} married to
what do you know about {celebrity}
who won the {sport} [match|game|final] in {place}
who won the {sport} {when}
what was the score of the {sport} game
who invented the [light bulb|telephone|radio|television|vacuum cleaner|thermostat|lock|clock|fan|microwave]
when was the [light bulb|radio|television|piano|camera] invented
how does a [light bulb|lock|thermostat|vacuum|microwave|speaker|tv|timer|motor|plane|fan] work
what is the speed of light
what is the speed of sound
how far is the [sun|moon] from the earth
what is the capital of {place}
what's the population of {place}
how big is {place}
how many people live in {place}
what is the tallest [building|mountain] in {place}
what is the largest [animal|ocean|country|planet]
what is {subject}
explain {subject}
explain {subject} to me
tell me about {subject}
teach me about {subject}
give me some facts about {subject}
who discovered {subject}
why is the sky blue
why do [cats|dogs|bees|birds|people] {w}
what does {w} mean
what is the [meaning|definition] of {w}
define {w}
look up the definition of {w}
what is a {w}
what is an {w} {w}
what's a {w} {w}
who wrote {w} {w}
who directed {w} and {w}
what year did {w} {w}
when did {w} {w} happen
what is the difference between {w} and {w}
is {w} the same as {w}
how many {w} are in a {w}
how many {w} does a {w} have
what color is a {w}
are there any {w} in {place}
which is bigger, {place} or {place}
what is the highest {w} in the world
what is the chemical symbol for {w}
is it true that {w} {w} {w}
can {w} {w} {w}
do {w} {w}
does a {w} {w}
has anyone ever {w} a {w}
what happened in {place} in 19{n2}
what language do they speak in {place}
give me information [on|about] {subject}
search for {subject}
search the [web|internet] for {ww}
google {ww}
look up {ww}
find [information|articles] about {subject}
what are the symptoms of {w}
how do you spell {w}
spell {w} [for me|]
what's the spelling of {w}
what rhymes with {w}
what is a synonym for {w}
what's the opposite of {w}
use {w} in a sentence
what does the word {w} mean
is {subject} [hard|dangerous|fun|good|bad|important|real]
""",
    "maths": """
what is {n} [plus|minus|times|divided by] {n}
what's {n} [plus|minus|times|divided by|multiplied by|+|-|*|/] {n}
how much is {n} [plus|minus|times|divided by] {n}
calculate {n} [plus|minus|times|divided by] {n}
{n} [plus|minus|times|+|-|*|x] {n}
add {n} and {n}
subtract {n} from {n}
multiply {n} by {n}
divide {n} by {n}
what is {n} percent of {n}
what's {n}% of {n}
what is the square root of {n}
what is {n} squared
solve x plus {n} equals {n}
how many {unit} are in {n} {unit}
how many {unit} in a [mile|kilometer|gallon|pound|foot|year]
convert {n} {unit} to {unit}
convert {n} {unit} into {unit}
change {n} {unit} to {unit}
what is {n} {unit} in {unit}
how many {unit} is {n} {unit}
what's the [sum|average|product] of {n} and {n}
is {n} a prime number
round {n} point {n} up
how much is {n} {money} in {money}
convert {n} {money} to {money}
what is the exchange rate between {money} and {money}
what's one {money} worth in {money}
how many {money} do i get for {n} {money}
if i have {n} {w} and give away {n} how many are left
count to {n}
what is the tip on {n} dollars
split {n} dollars {n} ways
""",
    "banking": """
what's my [balance|account balance]
what is the balance [on|in|of] my {account}
how much money [do i have|is] in my {account}
how much do i have in my {account}
transfer {n} dollars from my {account} to my {account}
move {n} dollars [to|into|from] my {account}
send {n} dollars to {person}
pay my {bill}
pay the {bill} with my {account}
pay {n} dollars on my {bill}
when is my {bill} due
what is my {bill} [balance|total] this month
how much is my {bill}
how much do i owe on my {bill}
what's the minimum payment on my {account}
what is the interest rate on my {account}
what is the apr on my {account}
freeze my {account}
block my {account}
unlock my {account}
lock my {account}
put a [hold|stop|block] on my {account}
my {account} was [stolen|lost|declined|frozen|locked]
why was my {account} [declined|blocked|locked]
i lost my {account}
i need [to report|to replace] a lost {account}
report fraud on my {account}
i think there is a fraudulent charge on my {account}
there is a charge on my {account} i don't recognize
what is my credit score
how can i improve my credit score
what is my credit limit
raise my credit limit
increase the limit on my {account}
increase my credit limit to {n}
can i get a higher limit on my {account}
how many rewards points do i have
redeem my [rewards|points]
how many points do i have on my {account}
order [new|more] checks
what is my routing number
change [my|the] pin [for|on] my {account}
reset my [pin|password]
set up direct deposit
how do i open a {account}
close my {account}
when does my {account} expire
when will my new {account} arrive
apply for a {account}
show me my [recent|last] transactions
what did i spend on {food} {when}
how much did i spend {when}
how much have i spent at {shop}
what are the fees on my {account} in {place}
does my {account} have international fees
help me roll over my 401k
how much tax do i owe
when do i get paid
what is my [salary|income]
where is my w2
what insurance [plan|] do i have
does my insurance cover {w}
how do i change my insurance
deposit a check
can i afford a {thing}
invest {n} dollars in {stock}
""",
    "travel": """
book [a|me a] flight to {place} {when}
book a flight from {place} to {place}
find [a|me a] flight from {place} to {place} {when}
i need a flight to {place}
how much is a flight to {place}
what's the status of my flight
is my flight on time
is {air} flight {n} on time
when does my flight [land|leave|board]
find me a hotel in {place}
book a hotel [room|] in {place} [for {n} people|{when}|]
i need a hotel near {place}
rent a car in {place} {when}
i need a rental car
do i need a visa [for|to visit|to go to] {place}
what vaccines do i need for {place}
is it safe to travel to {place}
are there travel alerts for {place}
what should i [do|see|visit] in {place}
what's there to do in {place}
what are good places to visit in {place}
what kind of plug do they use in {place}
do i need an outlet adapter in {place}
what power outlets does {place} have
what time zone is {place} in
what's the time difference between {place} and {place}
how far is {place} from {place}
how far is it to {place}
how long does it take to [drive|get|fly] to {place}
give me directions to {place}
give me directions to {shop}
how do i get to {shop}
navigate to {place}
take me to {shop}
where is the nearest [gas station|hospital|bus stop|train station|atm|parking]
where am i
what is my [location|current location]
share my location with {person}
send {person} my location
how's the traffic [to {place}|on the way to work|on the highway|]
is there traffic {when}
what is traffic like on the way to {shop}
call [me|] a [taxi|cab|uber|lyft]
order an uber to {place}
get me a [taxi|cab|ride] to {place} {when}
i need a ride to {shop}
book a train ticket to {place}
when does the [next|last] [train|bus] to {place} leave
what time does the train to {place} arrive
buy train tickets from {place} to {place}
how do i take the bus to {shop}
what are {air}'s carry on rules
how many bags can i bring on {air}
my luggage is [lost|missing]
{air} lost my luggage
tell my bank i'm traveling to {place}
plan a trip to {place}
what airport is closest to {place}
""",
    "car": """
when should i change my {carpart}
how do i change my {carpart}
how do i check my {carpart}
what kind of {carpart} does my car [use|need|take]
what's my car's {carpart} level
schedule [maintenance|an oil change|a tune up] for my car {when}
when was my last [oil change|service]
my car won't start
how do i jump start a car
what is my mpg
how much gas do i have
do i need gas
are my tires low
my [car|truck] is making a noise
find a mechanic near {place}
what does the check engine light mean
my check engine light is on
are my headlights on
how many miles per gallon does a {w} get
turn on my car's {carpart}
unlock my car
""",
    "food": """
how do i [make|cook|bake|prepare] {food}
how do you make {food}
give me a recipe for {food}
find [me a|a] recipe for {food}
what is the recipe for {food}
what ingredients do i need for {food}
what's in {food}
how many calories are in {food}
how much [sugar|fat|protein|sodium] is in {food}
is {food} [healthy|good for you|fattening]
how long [do i|should i|to] [cook|bake|boil|grill] {food}
how long does {food} take to cook
at what temperature should i bake {food}
how long does {food} last in the fridge
is the {food} still good
can i [use|substitute] {food} [instead of|for] {food}
what can i use instead of {food}
what should i [have|make|cook|eat] for [dinner|lunch|breakfast]
suggest [a|me a] meal
i'm hungry
i want {food}
order {food} [from {shop}|for dinner|]
order me [a|some|a large] {food}
get me some {food} delivered
does {shop} deliver
does {shop} do takeout
has my {food} order shipped
where is my {food}
book a table [at {shop}|for {n}|{when}|for two {when}]
make a reservation [at {shop}|for {n} people] {when}
cancel my reservation [at {shop}|]
confirm my reservation at {shop}
does {shop} take reservations
how busy is {shop} {when}
how long is the wait at {shop}
what are the reviews for {shop}
is {shop} any good
find [a good|a nearby|the best] [restaurant|place] for {food}
where can i get {food}
any good {food} places in {place}
recommend a restaurant in {place}
what time does {shop} [open|close]
is {shop} open {when}
how spicy is {food}
what wine goes with {food}
how do you cut {food}
what side dish goes with {food}
""",
    "shopping": """
order [a|some|more|new] {thing}
order more {food} from {shop}
buy [a|some|] {thing}
buy me a {thing} [on|from] {shop}
i need to buy {thing}
where can i buy a {thing}
how much does a {thing} cost
what's the price of a {thing}
what is the best {thing} to buy
find [me a|a] cheap {thing}
track my [order|package]
where is my [order|package]
when will my {thing} [arrive|ship|be delivered]
what's the status of my order
return my {thing} to {shop}
is there a sale at {shop}
add {food} to my {list}
add {thing} to my {list}
put {food} on my {list}
put {thing} on the {list}
remove {food} from my {list}
take {thing} off my {list}
delete {food} from the {list}
what's on my {list}
read [me|] my {list}
is {food} on my {list}
do i have {food} on my {list}
create a new {list}
make a {list}
start a new {list}
delete my {list}
clear my {list}
erase everything on my {list}
show me my {list}
what do i have left on my {list}
add {w} to my {list}
did i finish my {list}
mark {w} as done on my {list}
i need {food} on my {list}
tell me what's left on the {list}
open my {list}
""",
    "calendar": """
what's on my [calendar|schedule] {when}
what do i have [planned|scheduled|] {when}
do i have [anything|any meetings|any events] {when}
am i free {when}
add [a|an|] {event} to my calendar {when}
put [a|the] {event} on my calendar {when}
schedule [a|an] {event} {when}
schedule a {event} with {person} {when}
set up a {event} with {person} {when}
set a {event} for {when}
set a {event} {when}
cancel [my|the] {event} {when}
cancel my {event} with {person}
delete [my|the] {event} {when}
remove [my|the] {event} from my calendar
clear my [calendar|schedule] {when}
move my {event} to {when}
reschedule my {event}
change my {event} to {when}
when is my [next|] {event}
when is my {event} with {person}
what time is my {event}
where is my {event}
who is [coming to|invited to] my {event}
invite {person} to my {event}
how long is my {event}
remind me [to {w} the {w}|about the {event}|to call {person}|of my {event}] {when}
remind me to {w} {when}
remind me to [turn off the oven|lock the door|turn on the lights|take out the trash|water the plants] {when}
set a reminder [for|to|about] {ww}
set a reminder for my {event} {when}
set reminder [for {event}|to {w}]
set a notification for {event} {when}
delete my reminder about {event}
what are my reminders
what reminders do i have {when}
do i have [any|] reminders
notify me {when}
tell me when it's time for my {event}
alert me [{when}|before my {event}]
wake me up {when}
wake me [up|] at {clock}
set an alarm for {clock}
set an alarm {when}
set [the|my|an] alarm [for|to] {clock}
set my alarm {when}
i need an alarm for {clock}
create an alarm for {clock}
alarm at {clock}
turn off my [alarm|alarms|{clock} alarm]
cancel [my|the|all] [alarm|alarms]
delete my {clock} alarm
stop the alarm
do i have [an alarm|any alarms] set
what alarms do i have [set|on]
when is my alarm set for
what time is my alarm
is my alarm [on|set] [for {clock}|]
snooze
make an alarm
change my alarm to {clock}
what day is [it|today|tomorrow|christmas|the 4th]
what is [today's date|the date|tomorrow's date]
what's the date {when}
what time is it
what time is it in {place}
what's the [time|current time] in {place}
tell me the time [in {place}|]
give me the date
how many days until [christmas|{when}|my birthday|summer|the weekend]
when is [easter|christmas|thanksgiving|ramadan|the next holiday|labor day]
when's the next [holiday|day off|full moon]
how many vacation days do i have [left|]
request [time off|pto|vacation|leave] {when}
how much pto [have i used|do i have|is left]
was my [vacation|pto|time off] request approved
what meetings do i have with {person}
book a meeting room {when}
what's the agenda for the {event}
clear all events {when}
repeat this event every {when}
if it's {clock} in {place} what time is it in {place}
""",
    "messages": """
call {person}
call {person} [on speaker|now|at work|on my phone]
dial {person}
make a [phone|] call to {person}
phone {person}
ring {person}
facetime {person}
text {person} [that i'm late|hello|i love you|i'll be there {when}|]
send [a|] [text|message|sms] to {person} [saying {ww}|]
message {person} that {ww}
tell {person} [that i'm on my way|i'm late|{ww}]
ask {person} [if they are home|to come over|about {w}]
let {person} know [i'm running late|that {ww}]
read [me|] my [messages|texts|email|emails]
do i have [any|new] [messages|emails|mail|texts]
check my [email|emails|inbox|mail|voicemail|messages]
any new emails [from {person}|about {w}|{when}|]
have i received any emails from {person}
did {person} [email|call|text|reply|write] [me|]
what did {person} say
send an email to {person} [about {w}|saying {ww}|]
email {person} [about the {event}|that {ww}|]
write an email to {person}
compose [a new|an] email to {person}
reply to {person}['s email|]
reply to [the last email|this email] saying {ww}
forward this [email|message] to {person}
open [my inbox|the last email|the email from {person}]
delete [that email|the email from {person}|my spam]
how many [unread|] emails do i have
add {person} to my contacts
add [a new contact|this email to contacts]
what is {person}'s [phone number|number|address|email|email address|birthday]
find {person}'s [number|address] in my contacts
when did {person} last [call|email|text]
who called me
do i have missed calls
find my phone
where is my phone
help me find my phone
i lost my phone
make my phone ring
post [a status|a picture|{ww}] [on|to] {media}
tweet {ww}
tweet [at|to] {shop} that {ww}
post a complaint to {shop} on {media}
complain to {shop} on {media}
update my status [on {media}|to {ww}]
what's [new|happening|trending] on {media}
check my {media}
do i have any notifications on {media}
who liked my [post|picture]
share this [photo|article] on {media}
like {person}'s post
upload my photos to {media}
show me my {media} feed
message {person} on {media}
""",
    "weather": """
what's the weather [like|] [in {place}|{when}|]
what is the weather {when} in {place}
how's the weather [in {place}|{when}|outside|]
weather [forecast|] [for {place}|{when}|]
will it [rain|snow|be sunny|be windy|storm] {when}
is it [raining|snowing|sunny|windy|cold|hot|humid|cloudy] [outside|in {place}|{when}|]
is it going to [rain|snow|be cold|be hot] {when}
what's the temperature [in {place}|outside {when}|going to be {when}]
how [hot|cold|warm] is it [in {place}|outside]
how [hot|cold|warm] will it [be|get] {when}
do i need [an umbrella|a coat|a jacket|boots|sunscreen] {when}
should i [take|bring|wear] [an umbrella|a coat|a jacket] {when}
what's the chance of [rain|snow] {when}
what's the forecast [for {when}|for {place}|]
when will it [stop raining|rain|snow]
when does the sun [rise|set] {when}
what time is [sunrise|sunset] {when}
is there a [storm|hurricane|tornado] [coming|near {place}]
what's the humidity in {place}
give me the weather [report|] for {place}
what is the high for {when}
can i [go out|walk|swim|have a barbecue] {when} with this weather
tell me the weather
any weather warnings {when}
how much rain did we get {when}
""",
    "news": """
what's [in|on] the news [{when}|]
what is the latest news [about {subject}|in {place}|on {sport}|]
give me the [news|headlines|latest headlines] [about {place}|from {place}|]
any news about {subject}
any news on {celebrity}
tell me the [news|top stories|sports news]
read me the [news|headlines]
what's happening in [{place}|the world|politics]
what's going on in {place}
what's the latest on {subject}
show me [the|] news from [cnn|bbc|fox|the new york times]
notify me about news on {subject}
what's the score of the [{sport}|] game
did the {sport} team win
when is the next {sport} game
who is playing in the {sport} [game|] {when}
how are the {sport} doing
what's the stock price of {stock}
how is {stock} [stock|] doing
what is {stock} trading at
how did {stock} close {when}
did the stock market go up {when}
buy {n} shares of {stock}
who won the election
what is trending
update me on {subject}
""",
    "language": """
how do you say {saying} in {lang}
how do i say {saying} in {lang}
translate {saying} [to|into] {lang}
what is {saying} in {lang}
what's the {lang} word for {w}
how would i say {ww} in {lang}
say {saying} in {lang}
can you speak {lang}
translate this [to|into] {lang}
how do you pronounce {w} in {lang}
what does {w} mean in {lang}
teach me [some|] {lang}
change [your|the] language to {lang}
switch to {lang}
speak {lang}
set your language to {lang}
talk to me in {lang}
i want you to speak in {lang}
use a [british|australian|male|female|different] [accent|voice]
change your [voice|accent|name]
change your accent to [british|irish|{lang}]
can you talk [faster|slower]
talk [faster|slower]
slow down your speech
speak more slowly
whisper
turn on whisper mode
stop whispering
say that again
repeat that
what did you [say|just say]
could you repeat [that|yourself]
call me {w}
my name is {w}
what's my name
change my name to {w}
your name is now {w}
i want to call you {w}
what's your name
""",
    "talk": """
hello
hi there
hey
hi
good [morning|afternoon|evening|day]
how are you [today|doing|]
what's up
how's it going
how was your day
nice to [meet|see|talk to] you
goodbye
bye
see you [later|soon|tomorrow]
good bye for now
have a [nice|good|great] [day|night|weekend]
thanks
thank you [very much|so much|]
thanks a lot
that's [great|nice|wrong|right|funny|awesome|not right|correct|all]
well done
good job
you're [funny|smart|stupid|great|useless|welcome|the best|wrong]
i love you
i hate you
do you love me
will you marry me
tell me a [joke|story|secret|riddle|fun fact|poem|funny joke]
tell me a joke about {w}
make me laugh
say something [funny|nice|interesting|]
sing [me|] a song
tell me something [interesting|funny|about {w}|i don't know]
do you know [any jokes|a joke about {w}|{celebrity}|about {subject}]
give me a fun fact [about {w}|]
who [are|made|built|created|programmed|owns] you
what are you
are you [a robot|a bot|human|real|a computer|a person|alive|there|listening|married|smart|ok]
am i talking to a [human|robot|person|machine]
how old are you
when is your birthday
where [are you from|do you live|were you born]
do you have [any|] [pets|friends|kids|feelings|hobbies|a family|a dog|parents]
what do you do [for fun|all day|in your free time]
what are your hobbies
what's your favorite [color|food|movie|song|animal|{w}]
do you like {w}
do you like {subject}
what do you think [about|of] {w}
what do you think of {celebrity}
who do you work for
who's your boss
what can you do
what can i [ask|say to] you
what are your [skills|abilities|features]
how can you help me
help
help me
can you help me [with {w}|]
what is the meaning of life
why are we here
is there a god
do you believe in {w}
i'm {feeling}
i am so {feeling} [today|right now]
i feel {feeling}
my {w} is {feeling}
i had a [bad|good|long|terrible] day
i'm bored
what should i do [today|with my life|when i'm {feeling}|]
yes
no
yeah
nope
yep
sure
ok
okay
maybe
i don't know
not sure
i'm not sure
i guess so
of course
absolutely not
no way
yes please
no thanks
correct
never mind
nevermind
forget it
cancel
cancel that
stop talking
wait
hold on
i changed my mind
what
why
who
excuse me
sorry
that is [true|false]
i agree
i disagree
you are [right|not helping|so nice]
flip a coin
heads or tails
roll a [dice|die|{n} sided die]
roll [two|the] dice
pick a number [between {n} and {n}|]
pick a random number
give me a random number
choose a card
let's play [a game|{w}|chess|trivia|twenty questions|hide and seek]
play [a game|chess|trivia|tic tac toe|hangman|solitaire|cards|poker|a board game] with me
start a game of [chess|poker|trivia|{w}]
open [the|] {w} game
i want to play [a game|chess|poker|cards]
do you want to play a game
what does it mean to {w}
can you [dance|cook|sing|think|feel|dream|fly|drive|see me]
how does it feel to be a [robot|computer|machine]
what is love
should i {w} my {w}
i think {w} is {w}
i {w} the {w} {when}
today i {w} a {w}
my {w} {w} the {w}
the {w} of the {w} is {w}
where did i [put|leave] my {thing}
i can't find my {thing}
how do i become a {job}
how much does a {job} earn
what should i wear {when}
give me advice [about|on] {w}
what do you recommend
write [a poem|an essay|a letter|a story|code|a song] about {w}
summarize {ww}
explain this [to me|again]
read me [a story|a poem|the bible|this article]
reset [your|all|my] settings
go back to factory settings
sync [my|with my] [phone|device]
connect to my phone
pair with [my|the] [phone|headphones|car]
update yourself
restart yourself
what version are you
""",
    "music": """
what song is this
what's this song [called|]
who sings this [song|]
what is playing [right now|]
what's the name of this song
who is the [singer|artist] of this song
what album is this [from|on]
what's the title of this track
i [like|love|hate] this song
this song is [great|terrible|my favorite]
save this song
add this song to my {list}
add {w} {w} to my playlist
add this to my {w} playlist
put this song on my {w} playlist
create a [new|] playlist [called {w}|]
make a playlist with {w}
delete my {w} playlist
remove this song from my playlist
rate this song {n} stars
like this song
remember that i like {w} music
i really like {w} music
my favorite [band|singer|song] is {w}
tell me about this [song|artist|band]
when did this song come out
what genre is this
how many albums does {celebrity} have
who wrote this song
what are the lyrics to {w} {w}
what's the most popular song {when}
what kind of music do you like
what music do i like
buy concert tickets for {celebrity}
when is the {celebrity} concert
is {celebrity} playing in {place}
what's on tv {when}
what time is {w} on tv
what channel is the {sport} game on
what movies are playing [near me|{when}|in {place}]
is {w} {w} a good movie
who stars in {w} {w}
recommend a [movie|book|song|show|podcast]
what movie should i watch
buy two tickets for {w}
what events are [happening|on] in {place} {when}
are there any concerts in {place} {when}
find [events|things to do] near {place}
how loud is a jet engine
how many speakers do i need for a home theater
what is the best volume for a baby
""",
    "near": """
how many people does it take to change a light bulb
what kind of light bulb fits in a {w} lamp
how much [power|energy|electricity] does a [lamp|light bulb|fan|heater|tv] use
what is the best [robot vacuum|thermostat|smart lock|light bulb|tv|speaker|lamp] to buy
how do i [install|replace|clean|repair|fix|reset|hang|paint] [a|my|the] [door|lamp|thermostat|blinds|lock|vacuum|curtains|fan]
why is my [lamp|tv|thermostat|lock|vacuum] [broken|not working|making noise|flickering|blinking]
order [a|some] [lamp|light bulbs|door lock|curtains|vacuum bags|fan|speaker]
how much does a [thermostat|robot vacuum|smart lock|lamp|set of blinds] cost
who makes the best [locks|lamps|vacuums|speakers|thermostats]
add [light bulbs|vacuum bags|a new lamp|curtains|batteries] to my {list}
remind me to [lock the door|turn off the lights|vacuum|close the blinds|buy a lamp] {when}
what's a good [color|paint] for a [kitchen|bedroom|living room|door]
what do you think of my [lamp|curtains|living room|kitchen|speaker]
is there light on [mars|the moon|{place}]
how fast does light travel
what's the history of the [lock|lamp|door|curtain|timer|thermostat]
tell me a joke about [a light bulb|doors|vacuums|locks|fans|thermostats]
tell me a story about a [lamp|door|robot|key|light]
why do [doors|curtains|lamps|locks] {w}
when [was|were] [locks|lamps|doors|curtains|fans] invented
define [lamp|door|blind|thermostat|timer|scene|vacuum]
spell [thermostat|vacuum|curtain|light|lock]
how do you say [lamp|door|light|key|open the door|turn on the light] in {lang}
translate [turn off the light|lock the door|set a timer] to {lang}
what is the boiling temperature of water
at what temperature does {w} melt
what's the normal body temperature
turn on [whisper mode|location services|airplane mode|bluetooth|notifications|my vpn|captions|subtitles]
turn off [my alarm|notifications|airplane mode|bluetooth|my phone|location services|the internet|captions]
turn up the {w}
turn {w} into {w}
turn left at {shop}
turn around
turn my frown upside down
open [an account|a bank account|google|the app|my email|{media}|the calendar|a new tab|the map|a document]
close [my account|the app|the browser|the tab|all apps]
start [my car|the car|a new project|a conversation|a call with {person}|recording|navigation]
stop [following {person}|the car|my subscription|the delivery|asking me]
set [a goal|my budget to {n}|the date|my status to away|a password|a new record|the table]
set my [name to {w}|home address|location to {place}|language to {lang}|budget]
lock my [phone|screen|account|credit card|car|computer]
unlock [my phone|my account|the next level|the car]
play [me in chess|a trick on {person}|hide and seek|the lottery|a prank]
pause my [subscription|membership|delivery|mail]
skip [my meeting|breakfast|the line|class]
cancel my [subscription|order|flight|hotel|card|appointment|membership|reservation|gym membership]
resume my [membership|subscription]
mute [{person}|notifications|the group chat|my phone|the call]
dim [sum near me|sum recipe|lights make me sleepy]
light [my fire|beer calories|years away]
scene [from a movie|of the crime]
the [light|door|lamp|lock|timer] of my life
how long is a [movie|timer|song|light year]
how bright is the [sun|moon]
how warm is [it outside|the ocean|{place}|mercury]
is the [store|shop|bank|pool|library|beach|museum|office] [open|closed] {when}
is the door to {shop} open
who is at the [door|gate]
did the [mailman|package|delivery] come to the door
who left the door open in {w} {w}
the lights went out in {place}
there was a power outage {when}
what's the volume of a [sphere|cube|cylinder|gallon jug]
increase my [credit limit|vocabulary|chances|salary|score]
lower my [bill|blood pressure|interest rate|rent]
raise my [salary|limit|hand|spirits]
make me [a sandwich|coffee tomorrow|happy|laugh|rich|invisible]
give me [a hug|a break|advice|directions|five]
change my [password|flight|order|appointment|name|number|tires]
switch my [insurance|bank|phone plan|seat]
activate my [card|credit card|sim|account|gift card]
i need a new [lamp|lock|vacuum|tv|speaker|fan|thermostat]
where can i buy [a lamp|blinds|a thermostat|light bulbs]
what does a thermostat do
my [light|electric|gas|heating] bill is too high
does {shop} sell [lamps|locks|blinds|fans]
how do you play [the guitar|chess|poker|jazz]
how do i turn [{w} into {w}|off my phone|on my car]
what time should i [go to bed|wake up|vacuum|leave]
how long should i [sleep|exercise|boil eggs|let dough rise|cook {food}]
time [flies|is money|to go home]
what time does the timer in {place} ring
""",
}
SUBJECTS = {k: v.strip().split("\n") for k, v in SUBJECTS.items()}

# Bare frames for words of any sort: a request that has the shape of a sentence but nothing of a household.
FRAMES = """
what is the {w} of {w}
what's my {w}
what are my {w} {w}
how do i {w} a {w}
how do i {w} my {w}
how can i {w} {w}
how much {w} is {w}
how many {w} do i have
how long does {w} {w} take
when is the {w} {w}
when do i {w}
where is the {w} {w}
where can i {w} a {w}
who is {w} {w}
who will {w} the {w}
why did the {w} {w}
why does {w} {w}
which {w} is the {w}
can i {w} my {w}
can you {w} my {w}
can you {w} the {w} for me
could you {w} a {w} about {w}
please {w} my {w}
please {w} the {w} {w}
i want to {w} a {w}
i need to {w} my {w}
i need a {w} {w}
i'd like to {w} {w} {w}
i want to know about {w}
i would like to know if {w} is {w}
tell me how to {w}
tell me what {w} is
tell me about {w} and {w}
tell me the {w} of {w}
show me {w} {w}
show me how to {w} a {w}
find me a {w} {w}
find {w} near {w}
get me {w} {w}
give me {w} for {w}
send {w} to {w}
make a {w} for {w}
help me {w} my {w}
is {w} {w}
is there a {w} in {w}
are {w} {w}
did i {w} my {w}
do i need a {w} to {w}
does {w} have {w}
should i {w} or {w}
will {w} {w} {when}
has my {w} been {w}
let me {w} the {w}
let's {w} {w}
my {w} is {w}
the {w} is {w}
{w} the {w}
{w} my {w}
{w} a {w} {when}
{w} {w} to {w}
{w} me a {w}
{w} {w} {w}
{w} {w} {w} {w}
{w} {w}
{w}
{w} {w} of {w} and {w} {w}
add {w} to {w}
check {w} {w}
update my {w}
schedule {w} {when}
what {w} should i {w}
i {w} you
you {w} {w}
we {w} the {w} {when}
what would {w} be if {w}
what if {w} {w}
set my {w} to {w}
change my {w} to {w}
open {w} {w}
start {w} {w}
""".strip().split("\n")

OPENERS = """
hey {x}
ok {x}
please {x}
so {x}
well {x}
um {x}
assistant {x}
computer, {x}
hello, {x}
i was wondering {x}
i want to know {x}
i'd like to know {x}
can you tell me {x}
could you tell me {x}
tell me {x}
do you know {x}
just curious, {x}
quick question, {x}
{x} please
{x} thanks
{x} can you tell me
{x} do you know
{x} right now
{x} for me
please tell me {x}
i need to know {x}
let me know {x}
you know what, {x}
hey, one question, {x}
""".strip().split("\n")

SCHEDULES = """
{x} at {clock}
{x} at {clock} {when}
{x} {when} at {clock}
{x} tomorrow
{x} tonight
{x} in {n} minutes
{x} in an hour
{x} in {n} hours
{x} after {n} minutes
{x} for {n} minutes
{x} for an hour
{x} until {clock}
{x} every day at {clock}
{x} every morning
{x} every night
{x} on monday
{x} on weekends
{x} when i get home
{x} when i leave
{x} when it gets dark
{x} when the sun goes down
{x} when the movie starts
{x} when i'm asleep
{x} if it rains
{x} if nobody is home
{x} if someone comes
{x} if it gets cold
{x} unless i'm home
{x} before i get home
{x} after sunset
{x} at sunset
{x} at sunrise
{x} at midnight
{x} at noon
{x} later
{x} while i'm away
{x} whenever i clap
{x} as soon as {w} arrives
{x} once the {w} is done
{x} starting at {clock}
{x} between {clock} and {clock}
at {clock} {x}
at sunset {x}
every day at {clock} {x}
every evening {x}
tomorrow {x}
in {n} minutes {x}
in an hour {x}
when i get home {x}
when i leave the house {x}
when it gets dark {x}
if it rains {x}
if i'm not home {x}
if nobody is in the room {x}
schedule this for {clock}, {x}
do not {x}
don't {x}
never {x}
please do not {x}
don't {x} yet
""".strip().split("\n")

BAD_COLORS = """brown|black|gold|silver|turquoise|teal|rainbow|magenta|cyan|beige|plaid|grey|lime|maroon|navy|violet|
indigo|crimson|invisible|transparent|striped|peach|olive|multicolor|ultraviolet|bronze|tan|khaki|salmon|mint""" \
    .replace("\n", "").split("|")

# What a kind of device cannot do; "" is for every kind.
IMPOSSIBLE = {
    "": """
rename {d} to {w}
rename {d}
remove {d} from [the app|my home|the system]
delete {d}
add {d} to the {w} group
pair {d}
reset {d}
update {d}
update the firmware of {d}
move {d} to the {w}
give {d} a name
charge my phone with {d}
how much [power|energy] does {d} use
connect {d} to the [internet|wifi|phone]
program {d}
make {d} dance
send {d} to {person}
lend {d} to {person}
! {d} is broken
! {d} is not working
! {d} needs [repair|new batteries|to be replaced]
""",
    "light": """
lock {d}
unlock {d}
make {d} blink
make {d} flash
flash {d}
blink {d}
strobe {d}
play music on {d}
open {d}
set {d} to 20 degrees
make {d} flicker
fade {d} in over {n} minutes
make {d} [pulse|party|cycle through colors]
turn up {d} by {v}
turn {d} down by {v}
dim {d} by {v}
increase {d} by {v}
decrease the brightness of {d} by {v}
turn off all lights except {d}
turn off everything but {d}
sync {d} with the music
dock {d}
mute {d}
""",
    "switch": """
dim {d}
dim {d} to {v}
set {d} to {v}
lock {d}
unlock {d}
make {d} {w}
make {d} blue
set {d} to red
open {d}
brighten {d}
mute {d}
play jazz on {d}
turn {d} up to {v}
set {d} to {n} degrees
dock {d}
set the speed of {d} to {n}
""",
    "climate": """
lock {d}
unlock {d}
make {d} blue
open {d}
dim {d}
play music on {d}
mute {d}
dock {d}
turn {d} up by {n} degrees
lower {d} by {n} degrees
raise {d} by {n}
set {d} to turbo
set {d} to dry mode
set {d} to eco mode
set {d} to party mode
""",
    "blind": """
lock {d}
unlock {d}
make {d} red
set {d} to 20 degrees
dim {d}
mute {d}
play music on {d}
tilt {d}
wash {d}
iron {d}
change the color of {d}
open {d} by {v}
turn {d} blue
""",
    "lock": """
dim {d}
dim {d} to {v}
make {d} blue
set {d} to {v}
mute {d}
play music on {d}
brighten {d}
knock on {d}
paint {d} green
ring {d}
set {d} to 21 degrees
answer {d}
change the code of {d}
give {person} a key to {d}
""",
    "media": """
lock {d}
unlock {d}
dim {d}
make {d} blue
set {d} to 20 degrees
open {d}
record {w} on {d}
order a movie on {d}
turn {d} up by {v}
brighten {d}
dock {d}
use {d} as an alarm
download {w} on {d}
""",
    "vacuum": """
lock {d}
dim {d}
make {d} blue
set {d} to {v}
play music on {d}
empty {d}
open {d}
mute {d}
unlock {d}
teach {d} to {w}
make {d} go up the stairs
let {d} cook
""",
    "sensor": """
turn on {d}
turn off {d}
lock {d}
dim {d}
open {d}
set {d} to {v}
switch off {d}
mute {d}
make {d} blue
disable {d}
calibrate {d}
turn {d} up
silence {d}
""",
}
IMPOSSIBLE = {k: v.strip().split("\n") for k, v in IMPOSSIBLE.items()}

# In scope, but made of free words: what people want to hear.
QUERIES = """
{title}
{title}
the song {title}
{title} by {artist}
{title} by {artist}
{title} from {artist}
the song {title} by {artist}
the album {title}
the album {title} by {artist}
{artist}
{artist}
{artist}'s {title}
songs by {artist}
some songs by {artist}
music by {artist}
music from {artist}
some {artist}
something by {artist}
a song by {artist}
the latest song by {artist}
the new album by {artist}
anything by {artist}
all songs by {artist}
the best of {artist}
{genre}
some {genre}
some {genre} music
{genre} music
{genre} songs
some {genre} songs
a {genre} song
a {genre} playlist
my {genre} playlist
my {w} playlist
my playlist {w}
the playlist {w}
the {w} playlist
my playlist called {title}
my favorite [song|songs|playlist|music|album|band|artist]
my [workout|party|sleep|morning|liked|saved] [playlist|songs]
[something|music] [relaxing|upbeat|calm|happy|sad|romantic|soft|loud|to dance to|to sleep to]
[relaxing|upbeat|calm|happy|sad|romantic|soft] music
[rain|ocean|white noise|forest|thunder|nature] sounds
the [radio|news radio|local radio]
the radio station {title}
radio {title}
{title} radio
{title} fm
[fm|am] {w}
the {genre} station
a {genre} station
my favorite radio station
the {title} station
npr
the bbc
the news
the podcast {title}
the latest episode of {title}
the next episode of {title}
the last episode of the {title} podcast
a podcast about {title}
a podcast on {w}
my [podcast|audiobook]
the {title} podcast
the audiobook {title}
the book {title}
the audiobook of {title}
audiobook {title} by {artist}
my audiobook {title}
the next chapter of {title}
{title} audiobook
the movie {title}
the show {title}
the series {title}
the soundtrack of {title}
the theme from {title}
a movie about {w}
the latest hits
the top {genre} songs
hits from the [sixties|seventies|eighties|nineties|two thousands]
[eighties|nineties|seventies|80s|90s|70s] music
[christmas|holiday|party|halloween|wedding] [music|songs]
a random song
that song about {w}
that song that goes {title}
the first track of {title}
channel {w}
track {w}
""".strip().split("\n")

GENRES = """jazz|rock|pop|classical|country|hip hop|rap|blues|folk|metal|heavy metal|reggae|soul|funk|disco|techno|house|
electronic|ambient|indie|punk|gospel|latin|salsa|opera|r and b|k pop|alternative|bluegrass|piano|guitar|acoustic|
instrumental|lo-fi|dance|swing|ska|grunge|edm|trance|chill|oldies|classic rock|soft rock|hard rock|smooth jazz|
bollywood|flamenco|samba|orchestra|choir|violin|drum and bass|dubstep|meditation|spa|workout|dinner|study""".replace("\n", "").split("|")


COMMON = pathlib.Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split()
