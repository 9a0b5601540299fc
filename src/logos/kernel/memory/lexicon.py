"""Everyday kinds of things: data only.

Somebody asks about a "sport" and was told of kayaking.  Each line names a kind, the words people
ask with, and words that belong to it.  Written by hand from general English, not drawn from any
corpus; a domain of one's own is added the same way.

    KINDS    "asked with | belongs to it", one kind a line; words are matched by their stems
"""

KINDS = """
sport athletics athlete|basketball football soccer tennis golf hockey baseball volleyball cricket rugby boxing surfing skiing snowboarding skating swimming running jogging cycling biking climbing bouldering rowing kayaking wrestling gymnastics fencing archery badminton bowling marathon triathlon skateboarding sailing diving
martial|karate judo taekwondo kickboxing boxing aikido jiujitsu kung wrestling fencing dojo
exercise workout fitness gym training|yoga pilates running jogging weights lifting cardio stretching swimming cycling aerobics treadmill squats pushups crossfit zumba gym strength
hobby pastime interest leisure activity|painting drawing pottery knitting sewing crochet gardening reading writing hiking camping fishing cooking baking photography dancing singing gaming kayaking skiing swimming biking birdwatching collecting woodworking puzzles chess surfing climbing yoga crafts scrapbooking
outdoor outdoors nature|hiking camping fishing kayaking canoeing climbing trail mountain forest lake river waterfall park beach picnic stargazing campfire tent backpacking
art craft creative artwork|painting drawing sketch pottery ceramics sculpture clay canvas watercolor acrylic mural photography knitting origami calligraphy portrait landscape gallery exhibit
paint|painting canvas watercolor acrylic brush easel portrait landscape mural sunset sunrise
music musical|song guitar piano violin drums bass flute clarinet saxophone trumpet cello ukulele keyboard concert band album singer orchestra jazz rock pop classical rap opera blues festival playlist choir
instrument|guitar piano violin drums bass flute clarinet saxophone trumpet cello ukulele keyboard harp banjo accordion harmonica
musician singer artist band performer|concert album tour song gig stage guitarist drummer vocalist
dance|ballet salsa tango ballroom choreography dancer studio zumba jazz contemporary
food meal dish eat cuisine cooking recipe|pizza pasta salad soup sandwich burger sushi taco curry rice noodles chicken beef pork fish salmon steak stew roast lasagna bread cake cookies pie vegetables fruit cheese eggs pancakes waffles barbecue grill bake dinner lunch breakfast snack
dessert sweet treat bake baking|cake cookies pie brownies chocolate cupcake pastry muffin candy donut tart pudding croissant cheesecake
drink beverage|coffee tea water juice soda beer wine smoothie milk cocktail lemonade whiskey stout
snack junk|chips candy cookies popcorn soda chocolate nuts crackers pretzels
fruit vegetable|apple banana orange strawberry blueberry mango avocado spinach carrot tomato potato broccoli kale lettuce peppers zucchini squash berries grapes
diet nutrition healthy|salad vegetables vegan vegetarian calories protein weight smoothie sugar keto fasting gluten
health medical illness disease condition sick|doctor hospital surgery medicine medication diagnosis pain injury fever flu cold allergy asthma cancer diabetes therapy clinic checkup symptoms headache migraine gastritis infection virus
injury hurt accident|sprain broken fracture ankle knee wrist cast stitches crash bruise bandage concussion pain
mental stress emotion wellbeing|anxiety depression therapy counseling meditation mindfulness burnout overwhelmed relax calm journaling yoga
relax stress unwind|yoga meditation bath massage nature walk reading music spa nap breathing hobby
feeling emotion mood|happy sad angry excited nervous anxious proud scared lonely grateful frustrated disappointed worried relieved overwhelmed jealous
pet animal|dog cat puppy kitten hamster rabbit turtle parrot bird fish guinea snake lizard horse goldfish ferret
dog|puppy labrador retriever poodle bulldog shepherd beagle leash kennel
wildlife animal|bear deer fox wolf eagle owl whale dolphin elephant lion tiger monkey squirrel raccoon butterfly
family relative member|mother father sister brother son daughter child parent grandmother grandfather aunt uncle cousin niece nephew wife husband spouse sibling twins
parent|mother father
sibling|brother sister twin
kid child|son daughter toddler baby teenager
spouse partner relationship romantic dating|husband wife girlfriend boyfriend fiance date love married engaged
marry marriage wedding married|wed bride groom engagement engaged ring honeymoon ceremony vows husband wife spouse anniversary
pregnant birth baby|newborn infant expecting delivery due maternity
friend friendship|buddy pal bestie mate colleague teammate
die death loss grief|passed funeral died deceased mourning memorial
religion religious faith spiritual|church temple mosque synagogue prayer pray bible god christian muslim jewish buddhist hindu catholic priest pastor
volunteer charity community cause|shelter donate donation fundraiser nonprofit homeless drive foundation outreach cleanup mentoring
politics political government|election vote campaign mayor senator congress policy law democrat republican liberal conservative council party
job work career profession occupation employment|teacher doctor nurse engineer lawyer chef writer artist manager developer programmer designer accountant waiter firefighter police soldier salesman consultant intern hired fired promoted boss office interview salary
business company startup entrepreneur|store shop customers clients investors brand marketing sales revenue launch product
money financial finance|budget savings salary income debt loan mortgage rent investment bank dollars tax bills expenses fund
cost price expensive|dollars budget paid fee cheap discount
school education study student|college university class course degree exam homework teacher professor graduate graduation semester lecture scholarship tutor kindergarten major
class course workshop lesson|seminar tutorial enrolled signed training certificate instructor
book read reading novel author|story fiction series fantasy memoir biography mystery library bookstore chapter literature poem poetry
movie watch cinema|theater actor director comedy thriller drama documentary horror netflix series trilogy
show television series|episode season netflix sitcom anime drama streaming
game gaming| console playstation xbox nintendo switch chess poker cards puzzle tournament esports strategy rpg quest
toy|doll lego puzzle teddy blocks
travel trip vacation visit holiday|flight hotel beach tour cruise airport passport abroad resort backpacking sightseeing hostel itinerary
country nation abroad|america canada mexico england france spain italy germany japan china india brazil australia ireland scotland greece sweden norway switzerland thailand vietnam korea turkey egypt portugal netherlands argentina peru poland russia ukraine
city town|london paris tokyo york boston chicago seattle angeles francisco toronto vancouver barcelona rome berlin madrid sydney miami austin denver portland dallas houston philadelphia dublin amsterdam nashville vegas orleans
state|alabama alaska arizona california colorado connecticut florida georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana nebraska nevada hampshire jersey ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming carolina dakota
place location where|park beach museum cafe restaurant library store mall theater lake mountain city hotel stadium garden
restaurant|diner cafe pub bar bistro pizzeria menu chef reservation waiter
home house live|apartment condo neighborhood bedroom kitchen backyard garage rent landlord roommate moved mortgage basement porch
room furniture|couch sofa bed desk chair table shelf lamp rug curtains kitchen bathroom bedroom closet
city move relocate|moved apartment neighborhood
vehicle car transport|truck van suv bike motorcycle scooter bus train plane boat prius toyota honda ford tesla drive
clothes clothing wear outfit|shirt dress shoes jacket jeans pants hat sneakers boots suit skirt sweater scarf jewelry necklace ring bracelet earrings
gift present|birthday necklace bracelet flowers card surprise wrapped
jewelry|necklace ring bracelet earrings pendant watch
holiday celebrate celebration festival|christmas thanksgiving easter halloween birthday anniversary hanukkah party parade
party event|birthday wedding concert festival parade conference ceremony reunion gala picnic barbecue celebration
season|spring summer autumn fall winter
weather|rain snow storm sunny cold hot wind cloudy flood hurricane
plant garden flower|rose tulip sunflower tree seeds soil vegetable herbs succulent orchid daisy lily greenhouse compost
color|red blue green yellow purple orange pink black white brown
device technology electronics gadget|phone laptop computer tablet camera headphones monitor printer console drone speaker router
software app|code program website database server api framework library plugin android ios
language|english spanish french german italian chinese japanese korean portuguese russian arabic hindi python java javascript rust typescript
library framework tool dependency|flask django react vue angular numpy pandas pytest bootstrap jquery express spring tensorflow pytorch redis celery docker
database|sql sqlite postgres postgresql mysql mongodb redis schema table migration query
security secure|password hash authentication authorization encryption token csrf xss lockout login oauth jwt https permission vulnerability
test testing|pytest unittest coverage jest selenium junit mock assertion
deploy deployment hosting|docker kubernetes heroku aws gunicorn nginx server production render cloud
performance speed|latency cache caching optimize slow response throughput milliseconds
deadline schedule timeline plan|sprint milestone due date week calendar meeting launch
goal dream ambition aspiration plan|hope wish want aim achieve someday future
achievement award success accomplishment|won prize medal trophy champion certificate promotion finalist record published
competition contest tournament|race match championship won medal finals compete
problem challenge issue difficulty struggle setback|error bug failed broken stuck hard tough injury delay
skill ability talent|learn practice mastered trained good
personality trait character|kind thoughtful caring honest brave creative driven patient shy funny generous authentic supportive confident
identity gender lgbtq|transgender gay lesbian bisexual queer nonbinary pride trans
race ethnicity background heritage|african asian hispanic latino european native indigenous immigrant ancestry
military|army navy soldier veteran deployment marine officer troops war
physical appearance look|tall hair eyes beard tattoo blonde brunette glasses
body|knee ankle back shoulder arm leg hand foot head neck hip
age old birthday|years born turned birthday
symbol meaning|represents stands reminder symbolizes
photo|camera shoot portrait snapshot album lens photographer
inspire inspiration motivate motivation|encouraged influenced drive passion
favorite prefer preference like love enjoy|best favourite adore fan
afraid fear phobia|scared heights spiders terrified dark
habit routine daily|morning every schedule wake bedtime
alcohol|beer wine whiskey cocktail drunk bar
smoke|cigarette vape tobacco quit
drug|medicine pill prescription antibiotic painkiller
meditation|mindfulness breathing retreat zen
science scientist|physics chemistry biology experiment research lab astronomy
space|star planet telescope moon astronomy galaxy
war|battle soldier army conflict
theater stage acting|play audition script actor role drama musical performance
write writing writer|novel blog screenplay script journal poem essay article draft publish
"""
