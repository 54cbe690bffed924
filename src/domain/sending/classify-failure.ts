/**
 * Why an email did not arrive, grouped by what the sender can do about it. `no-such-mailbox`: nobody has the address.
 * `full`: the mailbox has no room. `policy`: the receiver does not want this email or this sender. `size`: too large.
 * `authentication`: the sender could not be verified. `expired`: no server could be reached in time.
 */
export const FAILURE_KINDS = [
  'no-such-mailbox',
  'full',
  'policy',
  'size',
  'authentication',
  'expired',
  'other',
] as const
export type FailureKind = (typeof FAILURE_KINDS)[number]

/** What a server said about a recipient: enhanced status (RFC 3463), reply code (RFC 5321), and its own words. */
export type Failure = {
  readonly status: string | null
  readonly code: number | null
  readonly diagnostic: string | null
}

/**
 * `hard`: the address itself is bad and will stay so. Other failures may pass, or concern the email rather than the
 * address.
 */
export type ClassifiedFailure = { readonly kind: FailureKind; readonly hard: boolean }

/**
 * What servers write, most reliable first. Wording takes precedence over statuses, which many servers choose badly:
 * large ones send 5.7.1 for an unknown mailbox, 5.1.1 for a full one, and 5.0.0 for everything.
 */
const WORDS: readonly (readonly [FailureKind, RegExp])[] = [
  [
    'full',
    /(?:mail ?box|mail ?folder|inbox|mail ?drop|maildir|account|user|recipient|box|storage|disk|quota)\b.{0,60}\b(?:is |are |was )?(?:full|over ?(?:the )?(?:quota|its|his|their|storage|drawn)|exceed|out of (?:space|storage|disk)|too full|not enough)|(?:over|exceed\w*|out ?of)[ -]?(?:the |its |his |their |user'?s? |disk |mail ?box |storage |allotted |allowed )*(?:quota|storage|disk ?space|mail ?box size|space)|quota (?:exceed|violat|full|usage)|(?:not enough|insufficient|no) (?:disk |storage |system storage|mail ?box )?(?:space|storage|room)|mbox_?full|mailbox_?full|shutoffquota|size quota|容量|いっぱい|over ?quota|zuviele mails|casella .{0,20}piena|bo[iî]te .{0,20}pleine|postfach .{0,20}voll|переполнен/i,
  ],
  [
    'size',
    /(?:message|mail|msg|content|size|e-?mail|attachments?)\b.{0,50}\b(?:too (?:big|large)|larger than|exceeds? .{0,40}(?:size|limit|maximum|length)|size (?:limit )?exceed)|(?:size|length) (?:limit )?(?:exceed|violation|is too)|(?:exceed|maximum|max\.?).{0,30}(?:message|mail) ?(?:size|length)|sizelimit|size limit exceeded|too large/i,
  ],
  [
    'authentication',
    /\bdmarc\b|\bdkim\b.{0,60}(?:fail|reject|not|invalid|missing)|\bspf\b.{0,80}(?:fail|reject|not|invalid|den|error|check)|(?:fail|reject).{0,40}\bspf\b|sender policy framework|unauthenticated|authentication (?:is )?(?:check|required|fail|credentials|information)|not authenticated|auth(?:entication)? checks? failed|sender id|pass(?:es|ed)? authentication|authorized to send|authenticat(?:e|ion) (?:your|before|first)/i,
  ],
  [
    'policy',
    /\bspam|unsolicited|virus|malware|phish|black ?list|block ?list|\bblock(?:ed)? (?:by|using|list|for|due|address|from|ip)|\b(?:d?ns|r)bl\b|uribl|surbl|reputation|gr[ae]y-?list|rate ?limit|too many (?:connection|message|recipient|mail|concurrent|invalid|error)|throttl|relay(?:ing)? (?:access )?(?:denied|not|is)|(?:unable|not|cannot|deny|denied).{0,15}relay|rcpthosts|reverse (?:dns|hostname|lookup)|\bptr\b|invalid ip\b|bad sender|sender (?:address )?(?:rejected|denied|blocked|refused|is not|verif)|mail from.{0,30}(?:rejected|denied|invalid)|unfortunately, (?:messages|email|mail)|recipient preferences|after mail from|in reply to mail from/i,
  ],
]

/** Servers also say this about unknown mailboxes, so it counts as policy only if nothing else is said. */
const POLICY =
  /\bbulk\b|is blocked|too (?:fast|frequent|much mail)|deferred due to|policy|not (?:allowed|permitted|authori[sz]ed)\b|access (?:is )?denied|no .{0,20}(?:dns|ptr) record|hostname|helo|poor|complain|content (?:filter|reject|refus|not accept)|message (?:content )?(?:rejected|refused|blocked)|prohibited|restrict|banned|suspicious|not accepting mail (?:with|from)|temporarily deferred|refused by|executable|attachment|\bofr\w*\d{3}/i

/** Exchange Online rejects unknown recipients with this status and the words "access denied". */
const EDGE_REJECTED = /^5\.4\.1$/

const NO_SUCH_MAILBOX =
  /invalid final delivery userid|(?:recipient )?address rejected\.?\s*(?:\(|$)|(?:user|recipient|mail ?box|address|account|alias|name|person|customer|addressee|destinat\w+|rcpt|login|id|local part|group)s?\b["'>)\]}:]*.{0,70}\b(?:un ?known|not (?:be )?(?:found|exist|known|valid|recogni[sz]ed|listed|here|local|our|available|a valid|active|an? active|accepted|hosted|on (?:this|server|file|record)|unique|in (?:my|our))|does(?: not|n'?t) (?:exist|have)|do(?: not|n'?t) exist|is (?:not |in)(?:valid|active|a |an |our|known|our)|invalid|inactive|no longer|deactivated|discontinued|(?:been )?(?:removed|deleted|terminated|cancell?ed|closed|moved|expired)|non-?exist|unavailable|undefined|wrong|bad|existiert .{0,20}nicht|n'existe|nie istnieje|no existe|não existe)|(?:no|not|non-?existent|unknown|invalid|bad|illegal|wrong|un ?known) (?:a |such |valid |known |local |mail ?box |or |here |such a )*(?:user|recipient|mail ?box|address|account|person|addressee|domain|host|destination|name|alias|customer|mail ?drop|login|listed)|recip(?:ient)?notfound|user_?unknown|bad_recipient|no mailbox|mailbox not|couldn'?t be found|(?:does ?n.?t|no longer|not) have a .{1,60} account|not (?:our|a) (?:customer|known user|local)|doesn'?t exist|does not exist|not listed in|no longer (?:valid|on|with|in|works?|here|available|employed)|undeliverable address|no valid recipient|this account .{0,30}(?:disabled|closed|discontinued)|存在しません|見つかりません|unbekannt|inconnu|desconocid|sconosciut|не существует|not found/i

const NO_SUCH_HOST =
  /host (?:is )?(?:unknown|not found)|unknown (?:host|domain)|(?:host|domain|mx)(?: or domain)?(?: name)? (?:was )?(?:not found|does ?n[o']t exist|unknown|not exist)|no such (?:host|domain)|name (?:or service not known|service error.{0,80}not found)|nxdomain|bad destination (?:system|host)|domain .{0,60}(?:does not exist|not found|doesn't exist|invalid|unknown)|unrouteable (?:mail )?(?:domain|address)|illegal host|no (?:mx|dns|mail) (?:record|server|exchanger|host)|(?:no|null|accepts? no|does not accept) (?:mx|mail)\b|indicated no smtp service|no data known|nodename nor servname|could not find a gateway|find a mail exchanger/i

const NOT_REACHED =
  /timed? ?out|time-?out|expired|in the queue too long|queue .{0,20}long|connection (?:refused|reset|dropped|lost|closed|failed)|(?:could|can|did|unable) ?(?:not|n't)? (?:to )?(?:connect|contact|reach|establish)|unreachable|no route to|network error|no response|not respond|retry time|delivery time|too long|max(?:imum)? (?:retr|time|delivery)|all hosts .{0,40}fail|host .{0,40}(?:down|unreachable)|smtp connection|loop|hop count|too many hops|try again later|temporar|lookup|mail exchanger failed|socket error/i

const TEMPORARILY = /try again|try later|temporar|later|greylist|suspend|retry/i

const OF_SENDER = /^\d\.1\.[78]$/

/** By enhanced status code without its class (RFC 3463, RFC 5248, RFC 7372, RFC 7505). */
const OF_STATUS: readonly (readonly [FailureKind, RegExp])[] = [
  ['full', /^(?:2\.2|3\.1)$/],
  ['size', /^(?:2\.3|3\.4)$/],
  ['policy', /^1\.[78]$/],
  ['authentication', /^7\.(?:8|9|2[0-6])$/],
  ['other', /^(?:2\.4|4\.[68])$/],
  ['no-such-mailbox', /^(?:2\.1|1\.[1-9]\d*)$/],
  ['expired', /^4\./],
  ['policy', /^7\./],
]

const kindOfStatus = (status: string): FailureKind | null =>
  OF_STATUS.find(([, pattern]) => pattern.test(status.slice(2)))?.[0] ?? null

/** By reply code, where that says more than yes or no (RFC 5321 4.2.3, RFC 4954, RFC 7504). */
const OF_CODE: Readonly<Record<number, FailureKind>> = {
  421: 'expired',
  452: 'full',
  552: 'full',
  523: 'size',
  534: 'size',
  530: 'authentication',
  535: 'authentication',
  521: 'no-such-mailbox',
  551: 'no-such-mailbox',
  556: 'no-such-mailbox',
}
const kindOfCode = (code: number | null): FailureKind | null =>
  code === null ? null : (OF_CODE[code] ?? null)

/** True for statuses that settle the matter, whatever words come with them. */
const certain = (status: string): boolean =>
  /^\d\.(?:2\.[23]|3\.4|1\.[26]|1\.10|7\.(?:2[0-6]|8))$/.test(status)

const kindOf = ({ status, code, diagnostic }: Failure): FailureKind => {
  const words = diagnostic ?? ''
  const byStatus = status === null ? null : kindOfStatus(status)
  if (status !== null && byStatus !== null && certain(status)) return byStatus
  if (status !== null && OF_SENDER.test(status)) return 'policy'
  const said = WORDS.find(([, pattern]) => pattern.test(words))?.[0]
  if (said !== undefined) return said
  if (EDGE_REJECTED.test(status ?? '') && /access denied/i.test(words)) return 'no-such-mailbox'
  if (NO_SUCH_HOST.test(words) || NO_SUCH_MAILBOX.test(words) || byStatus === 'no-such-mailbox')
    return 'no-such-mailbox'
  if (byStatus === 'policy' || POLICY.test(words)) return 'policy'
  return NOT_REACHED.test(words) ? 'expired' : (byStatus ?? kindOfCode(code) ?? 'other')
}

/** A failure that the server calls temporary, or whose wording says it will pass. */
const isTemporary = ({ status, code, diagnostic }: Failure): boolean => {
  if (status !== null && !status.endsWith('.0.0')) return status.startsWith('4')
  if (code !== null) return code < 500
  if (status !== null) return status.startsWith('4')
  return TEMPORARILY.test(diagnostic ?? '')
}

/** What kind of failure it is, and whether the address is to blame. */
export const classifyFailure = (failure: Failure): ClassifiedFailure => {
  const kind = kindOf(failure)
  return { kind, hard: kind === 'no-such-mailbox' && !isTemporary(failure) }
}

/** What the sender can do about it. */
export const failureRemedy = (kind: FailureKind): string => {
  switch (kind) {
    case 'no-such-mailbox':
      return 'Check the address with the recipient in another way; do not use it again until then.'
    case 'full':
      return 'Send again in a few days, or tell the recipient in another way that their mailbox is full.'
    case 'policy':
      return 'Ask the recipient to have your address allowed, and check whether your server or domain is on a block list.'
    case 'size':
      return 'Send a smaller email, or a link to the files.'
    case 'authentication':
      return "Check that your domain's SPF, DKIM and DMARC records cover the server that sends your mail."
    case 'expired':
      return "The recipient's server could not be reached; send again later."
    case 'other':
      return "Read what the server said, then send again or ask the recipient's postmaster."
  }
}
