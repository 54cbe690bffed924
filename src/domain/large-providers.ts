/** Public mail providers: having the same domain there means nothing. */
const LARGE = new Set(
  (
    'gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.co.in yahoo.co.jp ymail.com ' +
    'rocketmail.com outlook.com outlook.de outlook.fr hotmail.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es ' +
    'live.com live.co.uk live.fr live.nl msn.com icloud.com me.com mac.com aol.com aim.com gmx.de gmx.net gmx.com gmx.at ' +
    'gmx.ch web.de t-online.de freenet.de posteo.de mailbox.org mail.com email.com proton.me protonmail.com pm.me ' +
    'tutanota.com tuta.com fastmail.com fastmail.fm hey.com zoho.com zohomail.com mail.ru bk.ru list.ru inbox.ru ' +
    'internet.ru yandex.ru yandex.com ya.ru rambler.ru ukr.net qq.com foxmail.com 163.com 126.com yeah.net sina.com ' +
    'sohu.com naver.com daum.net hanmail.net orange.fr wanadoo.fr free.fr sfr.fr laposte.net libero.it virgilio.it ' +
    'tiscali.it alice.it tin.it comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net ' +
    'btinternet.com sky.com virginmedia.com ntlworld.com talktalk.net bigpond.com optusnet.com.au shaw.ca rogers.com ' +
    'sympatico.ca ziggo.nl kpnmail.nl xs4all.nl planet.nl telenet.be skynet.be bluewin.ch wp.pl o2.pl onet.pl interia.pl ' +
    'seznam.cz centrum.cz email.cz uol.com.br bol.com.br terra.com.br ig.com.br rediffmail.com'
  ).split(' '),
)

/** Whether most of those who have an address of this domain have nothing else in common. */
export const isLargeProvider = (domain: string): boolean => LARGE.has(domain)
