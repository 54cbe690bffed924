import type { ParsedMail } from '../../commands/ports/parser.ts'
import { first, type HeaderField } from './header-fields.ts'

/** How programs begin the subjects of automatic replies, before a colon, punctuation or the end. */
const ANSWERS = [
  'auto(?:matic|mated|mattic)?[ -]?(?:reply|response|answer|re(?=:)|responder|antwort)|auto(?= ?: ?re ?:)|vacation (?:reply|response|message|notice)',
  'automatische (?:antwort|e-?mail-?antwort)|automatisch(?:e)? (?:antwoord|beantwoording|bericht)|auto-?antwort|autosvar|automatis[kt]t? svar|automaattinen vastaus|automaatvastus',
  'réponse automatique|message automatique|respuesta automática|contestación automática|resposta automàtica|resposta automática|risposta automatica|răspuns automat|raspuns automat',
  'odpowiedź automatyczna|automatyczna odpowiedź|autoodpowiedź|automatická odpove[dď]ď?|automatick(?:á|a) odpověď|automatikus válasz|samodejni odgovor|automatski odgovor|automatinis atsakymas|automātiskā atbilde',
  'автоматический ответ|автоответ(?:чик)?|автоматична відповідь|автовідповідь|автоматичен отговор|аутоматски одговор|αυτόματη απάντηση|otomatik (?:yanıt|cevap)',
  'תשובה אוטומטית|מענה אוטומטי|رد تلقائي|الرد التلقائي|پاسخ خودکار|स्वचालित उत्तर|ตอบกลับอัตโนมัติ|การตอบกลับอัตโนมัติ|trả lời tự động|thư trả lời tự động|(?:balasan|jawaban|balas) otomatis|balasan automatik',
  '自動応答|自動返信|自动(?:回复|答复|应答)|自動(?:回覆|答覆|回應)|자동 ?(?:회신|응답|답장)',
]
/** Phrases that announce an absence. */
const ABSENCES = [
  'out[ -]of[ -](?:the[ -])?office|ooo|on (?:vacation|holiday|annual leave|parental leave|maternity leave)|i am (?:currently )?(?:away|on vacation|on leave|out of (?:the )?office)',
  'abwesenheits?(?:notiz|agent|nachricht|meldung|assistent|info(?:rmation)?|hinweis)?|abwesend|außer haus|ausser haus|nicht im (?:büro|hause?)|ich bin (?:derzeit |momentan )?(?:nicht im büro|im urlaub|abwesend)',
  "absen(?:ce|te?|t\\(e\\))(?: d[ue] bureau)?|message d['’]absence|notification d['’]absence|en congés?|afwezig(?:heid(?:s(?:assistent|bericht|melding))?)?|niet aanwezig|buiten kantoor",
  'fuera de (?:la )?oficina|ausente|ausencia|ausência(?: temporária)?|fora do escritório|fora de l.oficina|fuori (?:sede|ufficio)|assente|assenza|frånvaro(?:meddelande)?|fravær(?:sbesked)?|fraværende|ikke (?:til stede|på kontoret)|ej på kontoret|poissa(?: toimistosta)?|poissaolo(?:ilmoitus)?',
  'poza biurem|nieobecno[sś][cć](?: w biurze)?|nieobecn[ya]|mimo kancelář|nepřítomnost|mimo kancelárie|neprítomnosť|házon kívül|irodán kívül|távollét|nu sunt la birou|absent din birou|nisem v pisarni|odsoten|odsotnost|izvan ureda|van kancelarije',
  'вне офиса|отсутстви[ея](?: на рабочем месте)?|нет на (?:рабочем )?месте|нет в офисе|я в отпуске|поза офісом|відсутність|извън офиса|εκτός γραφείου|απουσία|ofis dışında(?:yım)?|işyeri dışında|מחוץ למשרד|خارج المكتب',
  '不在(?:通知|のお知らせ|連絡)|外出中|休暇中|不在办公室|外出(?:通知)?|休假(?:通知|中)?|不在辦公室|부재 ?중?|휴가 ?중?|ไม่อยู่ที่สำนักงาน|vắng mặt',
]
/** What may follow: a colon of any script, other punctuation, the mail's own subject in brackets, or the end. */
const BEHIND = String.raw`(?= ?(?:[:\uff1a;,.!|()\[\]【】>*"–—-]|$|auto|re:))`
const AUTOMATIC_SUBJECT = new RegExp(
  String.raw`^[\s\[(【<*"]*(?:${[...ANSWERS, ...ABSENCES].join('|')})${BEHIND}`,
  'iu',
)
/**
 * `Ann Holm is out of the office.`, `Ann Holm/ACME is out of the office (returning Monday)`: Notes and its successors.
 */
const NAMED_ABSENCE =
  /^[^:?!]{2,80} (?:is|will be) (?:currently )?(?:out of (?:the )?office|away from (?:the|my|his|her) (?:office|desk))\b[^?]*$|^[^:?!]{2,80} (?:ist|wird) (?:derzeit |momentan )?(?:außer haus|ausser haus|nicht im (?:büro|haus)|abwesend)\b[^?]*$/iu

/** Fields that only auto-responders write. */
const ANSWERING = [
  'x-autoreply',
  'x-autorespond',
  'x-autoresponder',
  'x-auto-reply',
  'x-mail-autoreply',
  'x-autoreply-from',
]

/**
 * Why a mail counts as not written by a person to this recipient (RFC 3834, and earlier and other conventions); null
 * for all other mail. `auto-reply` and `report` are written by programs. `list` and `bulk` say how a mail got here:
 * whoever replies through a group still wrote it. X-Auto-Response-Suppress says what the receiver should not send, and
 * nothing about the author.
 */
export const automaticOf = (fields: readonly HeaderField[], subject: string): ParsedMail['automatic'] => {
  const has = (name: string): boolean => fields.some((field) => field.name === name)
  const word = (name: string): string => first(fields, name).toLowerCase()
  if (/^multipart\/report\b/i.test(first(fields, 'content-type'))) return 'report'
  const daemon = /(?:^|[<\s"])(?:mailer-daemon|postmaster)@/i.test(first(fields, 'from'))
  if (daemon && (/^<\s*>/.test(first(fields, 'return-path')) || has('x-failed-recipients'))) return 'report'
  const submitted = word('auto-submitted')
  if (/^auto-replied\b/.test(submitted) || saysAutomatic(subject)) return 'auto-reply'
  if (ANSWERING.some(has) || /^auto_reply\b/.test(word('precedence') || word('x-precedence')))
    return 'auto-reply'
  if (/^reply\b/.test(word('x-autogenerated')) || /autoresponder/.test(word('x-post-messageclass')))
    return 'auto-reply'
  const machine = submitted !== '' && !/^no\b/.test(submitted)
  if (machine && (has('in-reply-to') || has('references'))) return 'auto-reply'
  if (has('list-id') || word('precedence') === 'list') return 'list'
  if (machine || has('list-unsubscribe') || /^(?:bulk|junk)$/.test(word('precedence'))) return 'bulk'
  return null
}

const saysAutomatic = (subject: string): boolean =>
  AUTOMATIC_SUBJECT.test(subject) || NAMED_ABSENCE.test(subject)
