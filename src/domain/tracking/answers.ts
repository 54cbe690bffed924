import { domainOf, normaliseAddress, type WrittenMailbox } from '../mail.ts'

/** Where strangers have addresses: who writes from there is like nobody else who does. */
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

/** A mail that may answer: whom it says that it is from, to whom it went, and whether it came through a list. */
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
 * Whether one of the recipients may have written it, or their like: from the same address or their own domain, under
 * another one that sends answers back to it, or a member of a list that was written to. Who is in the sender's own domain
 * is no recipient's like: a colleague in Cc makes no customers of all the others.
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
