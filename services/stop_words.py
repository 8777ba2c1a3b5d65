"""Words that say nothing by themselves, in the languages that posts are mostly written in.

Folded as `services.topics.folding` folds. Scripts without spaces need none: what is as
frequent as ever does not rise.
"""

from __future__ import annotations

from typing import Final

_ENGLISH: Final = """
a about above after again against all also am an and any anyone anything are aren as at be because
been before being below between both but by can cannot could couldn did didn do does doesn doing don
down during each even ever every everyone everything few for from further get gets getting go goes
going gonna got had hadn has hasn have haven having he her here hers herself him himself his how i
if in into is isn it its itself just let like ll made make makes many may me might more most much
must my myself need never no nobody nor not nothing now of off oh ok okay on once one only or other
our ours out over own please put re really said same say says see she should shouldn since so some
somebody someone something still such take than that the their theirs them themselves then there
these they thing things think this those though through thru to today tonight too two u under until
up ur us ve very via want was wasn way we well were weren what when where which while who whom why
will with without won would wouldn yes yet you your yours yourself rt amp im ive id ill dont doesnt
didnt cant wont isnt wasnt thats theres youre theyre lol gt lt http https www com
"""
_GERMAN: Final = """
aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei bin bis bist
da damit dann das dass dein deine dem den denn der des dich die dir doch dort du durch ein eine
einem einen einer eines einfach er es etwas euch euer für gegen gibt habe haben hat hatte hatten
heute hier hin ich ihm ihn ihnen ihr ihre im in ins ist ja jede jetzt kann kein keine können machen
mal man mehr mein meine mich mir mit muss nach nicht nichts noch nun nur ob oder ohne schon sehr
sein seine selbst sich sie sind so soll über um und uns unser unter viel vom von vor war waren warum
was weil wenn wer werden wie wieder will wir wird wo zu zum zur zwar
"""
_SPANISH: Final = """
a al algo así aunque cada como con contra cual cuando de del desde donde dos el él ella ellas ellos
en entre era eres es esa ese eso esta está están estar este esto estos fue fueron gracias ha han
hasta hay he hoy la las le les lo los más me mi mis mucho muy nada ni no nos nosotros o os otra otro
para pero poco por porque pues que qué quien se sea ser si sí sido sin sobre solo son soy su sus
también tan tanto te tener ti tiene todo todos tu tus un una uno unos va vamos voy y ya yo
"""
_FRENCH: Final = """
ai alors après as au aucun aussi autre aux avec avoir avait ça car ce cela ces cet cette ceux chez
ci comme comment dans de des deux donc dont du elle elles en encore entre es est et été être eux
fait faire il ils j je jusqu l la là le les leur leurs lui m ma mais me même mes moi mon n ne nos
notre nous on ont ou où par pas peu peut plus pour pourquoi qu quand que quel quelle qui s sa sans
se ses si son sont sous sur t ta te tes toi ton tous tout toute très trop tu un une vos votre vous y
"""
_PORTUGUESE: Final = """
a ao aos as até com como da das de dela dele deles depois do dos e é ela elas ele eles em entre era
essa esse esta está estão este eu foi foram há isso isto já la lhe mais mas me mesmo meu minha muito
na não nas nem no nos nós o os ou para pela pelo por porque pra pro quando que quem se sem ser seu
seus só sua suas também te tem ter todo todos tu tudo um uma umas uns vai você vocês vou
"""
_ITALIAN: Final = """
a ad ai al alla alle anche ancora avere che chi ci come con cosa così cui da dal dalla dei del della
delle di dove e è ed era essere fa fare già gli ha hai hanno ho i il in io la le lei li lo loro lui
ma mai me mi mia mio molto ne nei nel nella no noi non nostro o ogni oggi ora per perché più poi
quando quanto quello questa questo qui se sei senza si sia sono sta su sua sul sulla suo te ti tra
tu tua tuo tutti tutto un una uno vi voi
"""
_DUTCH: Final = """
aan al alle als altijd ben bij dan dat de der deze die dit doen door dus een en er ge geen goed had
heb hebben heeft het hier hij hoe hun ik in is ja je jij kan kunnen maar me meer met mij mijn moet
na naar niet niets nog nu of om omdat onder ons ook op over te toch toen tot u uit van veel voor
waar was wat we weer wel werd wie wij wil worden wordt zal ze zei zelf zich zij zijn zo zonder zou
"""
_OTHERS: Final = """
yang dan di ini itu dengan untuk tidak ada dari ke aku kamu saya akan juga sudah bisa lagi aja nya
ve bir bu da de için ile çok ne o ben sen biz daha gibi ama var yok mi mı ki her şey en değil
и в не на я что он с как это а то все она так его но по ты за у же вы бы мне от из о для мы если
уже или ни быть был нет до вас при еще ещё ну к вот только меня мой там тут они есть была где
в на и не що це як до за та з я ти ми ви він але у так від по або вже
の に は を た が で て と し れ さ ある いる も する から な こと として い や
και το να του η της με που για είναι στο τα οι δεν ο την από σε μου
w i z na się nie jest że do to jak co po za o ale czy tak by mnie już od tylko jestem był
في من على أن إلى عن مع هذا هذه ما لا كان التي الذي يا هو هي كل و
"""

STOP_WORDS: Final = frozenset(
    " ".join((_ENGLISH, _GERMAN, _SPANISH, _FRENCH, _PORTUGUESE, _ITALIAN, _DUTCH, _OTHERS)).split()
)
