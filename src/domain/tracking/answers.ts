import { domainOf, normaliseAddress, type WrittenMailbox } from '../mail.ts'

/** Public mail providers: having the same domain there means nothing. */
const FREE_MAIL = new Set(
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

/** A message that may be a reply: its author, its recipients, and the lists it came through. */
export type Answering = {
  readonly from: readonly WrittenMailbox[]
  readonly replyTo: readonly WrittenMailbox[]
  readonly to: readonly WrittenMailbox[]
  readonly cc: readonly WrittenMailbox[]
  readonly throughList: boolean
}

const addresses = (of: readonly WrittenMailbox[]): string[] =>
  of.map(({ address }) => normaliseAddress(address))

/**
 * Whether one of the recipients, or somebody of theirs, may have written it: from the same address, from their own
 * domain, from another domain that directs replies back to theirs, or as a member of a list that was written to. The
 * sender's own domain does not count: a colleague in Cc does not make everybody there a recipient.
 */
export const isFromRecipient = (
  mail: Answering,
  { sender, recipients }: { readonly sender: string; readonly recipients: readonly string[] },
): boolean => {
  const writtenTo = new Set(recipients.map(normaliseAddress))
  const domains = new Set([...writtenTo].map(domainOf).filter((domain) => !FREE_MAIL.has(domain)))
  domains.delete(domainOf(sender))
  const [from, replyTo] = [addresses(mail.from), addresses(mail.replyTo)]
  if ([...from, ...replyTo].some((address) => writtenTo.has(address) || domains.has(domainOf(address))))
    return true
  return mail.throughList && addresses([...mail.to, ...mail.cc]).some((address) => writtenTo.has(address))
}
