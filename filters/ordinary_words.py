"""Ordinary words that happen to spell another word: backwards, with letters moved, or in pieces.

A text that holds one of them is taken at its word: `flow` is no wolf written backwards, and `as h`
no ash.
"""

from __future__ import annotations

_WORDS = """
a about after aha air all also am an and ant any are as at bad bag balk ban bar barf bat be bed
bee been ben bin bod bog bows bud bun bunny bus but by can cap cheer cod cold could cub dab dam
dart decal deep deis deliver denier denim der desserts devil dew dial diaper did dim do does dog
doom door dot down draw drawer dray dual each ear ebbs ecart edit eel end envy era ergo err etas
eve evil eye fan fee fen few fin fit flap flog flow for fowl from fur gab gal gals gas gateman get
girt gnat gnus go god golf got green gulp gum guns gut had has hat have he hen her here him his
hit hot how hut i if in ink inn into irk is it its ivy jam jet jolly just keels keep key kit knits
know lack laid lair lamina lap lax leek leer leg let lever liar like line live log loop loops lop
low mad made make man many maps mar mat may me meed meet mid mined mix mood moor more most mud mug
must my nab nag nap naps net new nib nip nit no nod noon nor not now nub nun nut odd of off old on
once one ones only onyx or other our out ova over owe own pad pal pals pan pans part parts pat
paws pecan peed peek peels pen per pets pie pig pin pins pit pod pool pools pop port pot pots pup
purely put rag rail raj ran range rap raps rat rats raw rebut recap redraw reed reel regal remit
repaid repel reviled reward rip river rob roof room row rum run sad sag said same sap saw say sea
see sen serif set sew sh she sheer sides sinned sip sit sky slap sleek sleep sleets slip sloop
smart smut snap snaps snips snoops snot snub so some spans spar spat spay speed spin spit spool
sports spot spots spy stab star step stew stop strap straw stressed strops sub such sum sun suns
swap sward swat swot sync tab take tam tan tang tap taps tar tavern tea teem ten than that the
their them then there these they this tide tie time tip tit to toe ton too tool top tort tow tram
trams trap tray try tub tug two under until up urn us use van vat very vex wan war ward warts was
wax way we wed well went were wet wets what when where which while who why wig will win wit with
won would wren yak yam yap yard yaw yes yet you your zap zip
"""

ORDINARY_WORDS = frozenset(_WORDS.split())
"""In lower case; some are names or file endings."""
