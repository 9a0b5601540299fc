"""Word lists of English: data only.

STOP    words that carry no topic
BASE    irregular forms -> base form, so that stemming meets them
"""

_STOP = """
a about above after again against all am an and any are aren as at be because been before
being below between both but by can cannot could couldn d did didn do does doesn doing don down
during each few for from further had hadn has hasn have haven having he her here hers herself him
himself his how i if in into is isn it its itself just let ll m me more most mustn my myself no
nor not now o of off on once only or other ought our ours ourselves out over own re s same shan
she should shouldn so some such t than that the their theirs them themselves then there these they
this those through to too under until up ve very was wasn we were weren what when where which while
who whom whose why will with won would wouldn y you your yours yourself yourselves
"""
STOP = frozenset(_STOP.split())

_IRREGULAR = """
    be|is are was were been being am
    go|went gone goes going
    do|did done does
    get|got gotten
    take|took taken
    make|made
    buy|bought
    begin|began begun
    meet|met
    win|won
    lose|lost
    see|saw seen
    find|found
    give|gave given
    tell|told
    come|came
    think|thought
    teach|taught
    bring|brought
    catch|caught
    fight|fought
    seek|sought
    feel|felt
    leave|left
    keep|kept
    sleep|slept
    meet|met
    read|read
    lead|led
    feed|fed
    speak|spoke spoken
    break|broke broken
    choose|chose chosen
    wake|woke woken
    write|wrote written
    ride|rode ridden
    drive|drove driven
    rise|rose risen
    know|knew known
    grow|grew grown
    throw|threw thrown
    fly|flew flown
    draw|drew drawn
    show|shown
    blow|blew blown
    eat|ate eaten
    fall|fell fallen
    forget|forgot forgotten
    hide|hid hidden
    bite|bit bitten
    sing|sang sung
    ring|rang rung
    drink|drank drunk
    swim|swam swum
    run|ran
    sit|sat
    stand|stood
    understand|understood
    hold|held
    hear|heard
    pay|paid
    say|said
    sell|sold
    send|sent
    spend|spent
    build|built
    lend|lent
    bend|bent
    hang|hung
    stick|stuck
    strike|struck
    dig|dug
    shoot|shot
    sew|sewn
    wear|wore worn
    tear|tore torn
    bear|bore born borne
    swear|swore sworn
    steal|stole stolen
    freeze|froze frozen
    become|became
    learn|learnt
    dream|dreamt
    burn|burnt
    mean|meant
    deal|dealt
    light|lit
    slide|slid
    shine|shone
    shake|shook shaken
    mistake|mistook mistaken
    forgive|forgave forgiven
    bind|bound
    wind|wound
    grind|ground
    lay|laid
    child|children kids kid
    man|men
    woman|women
    person|people
    foot|feet
    tooth|teeth
    mouse|mice
    wife|wives
    life|lives
    knife|knives
    leaf|leaves
    shelf|shelves
    half|halves
    mother|mom moms mum mommy mama
    father|dad dads daddy papa
    grandmother|grandma granny nana
    grandfather|grandpa grandad
    brother|bro
    sister|sis
    photo|photograph photos photographs pic pics picture pictures
    movie|film films movies
    television|tv
    bicycle|bike bikes
    telephone|phone phones
    favorite|fav fave favourite favourites
    color|colour colours
    advertise|ad ads advert adverts
    application|app apps
    information|info
    repository|repo repos
    database|db
    doctor|doc dr
    good|better best
    bad|worse worst
"""

BASE: dict[str, str] = {
    form: base
    for base, _, forms in (line.strip().partition("|") for line in _IRREGULAR.strip().splitlines())
    for form in forms.split()
}
