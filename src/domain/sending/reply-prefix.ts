// How mail programs begin the subject of a reply, by language; without accents where a program leaves them out too.
const REPLY = [
  're|aw|antw(?:ort)?|antwoord|betr|bls|balas|sv|svar|vs|vast',
  'r|rif|res|resp|rép|rep|odp|odg|odgovor|vá|ynt|cevap|ats|atb',
  'απ|απάντηση|σχετ|отв(?:ет)?|на|ha|відп(?:овідь)?|одг|השב|תשובה|رد|پاسخ',
  '回|回[复復覆]|回信|答|答[复復覆]|返|返信|답장|회신|tl|trả lời|ตอบ|ตอบกลับ',
].join('|')

/** `Re:`, `RE[2]:`, `Aw (3):`, `Re^2:`, `RE :`, with any colon, full-width ones included. */
const REPLY_PREFIX = new RegExp(
  String.raw`^(?:${REPLY})(?:\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|[\^*-]\d{1,3}))?\s*[:：]`,
  'iu',
)

/** What some programs put in front: the name of a list, or a mark for external mail. */
const TAGS = /^(?:\[[^\]]{1,60}\]\s*)+/

/** Whether a subject already marks a reply, in whatever language. */
export const isReplySubject = (subject: string): boolean =>
  REPLY_PREFIX.test(subject.trim()) || REPLY_PREFIX.test(subject.trim().replace(TAGS, ''))

/** How mail programs mark a forwarded message. */
const FORWARD_PREFIX = /^(?:fwd?|wg|tr|rv|i|enc|vb|fs|vl|пер|转发|轉寄|転送|전달)\s*[:：]/iu

/** The subject without what marks replies and forwarded messages, in lower case: equal in all of a conversation. */
export const baseSubject = (subject: string): string => {
  let base = subject.trim()
  for (;;) {
    const shorter = base.replace(TAGS, '').replace(REPLY_PREFIX, '').replace(FORWARD_PREFIX, '').trim()
    if (shorter === base) return base.toLowerCase().replaceAll(/\s+/gu, ' ')
    base = shorter
  }
}
