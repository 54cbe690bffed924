/**
 * What programs call themselves that fetch pictures and links of mail. Plain data, part of the classifier and of its
 * version: a change here is a new one.
 */

/** A person's own mail program or the proxy that a person's reading goes through. Public lists take some for robots. */
const PEOPLE =
  /GoogleImageProxy|YahooMailProxy|Outlook-(?:iOS|Android)|Thunderbird|Superhuman|Airmail|Spark\/|eM ?Client/i

/** Gmail's prefetch is never a person: 1 to 6 percent of Gmail's opens. */
const GMAIL_PREFETCH = 'Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0'

/** Apple Mail Privacy Protection fetches every picture whether or not anybody reads. */
const PRIVACY_PROXY = /^Mozilla\/5\.0$/

/** Scanners of mail gateways, previews of chat programs, and libraries. */
const MACHINES = new RegExp(
  [
    'barracuda|proofpoint|mimecast|safelinks|ironport|fireeye|trellix|symantec|messagelabs|trend ?micro|zscaler',
    'sophos|forcepoint|bitsight|cloudmark|spamtitan|vade ?secure|hornetsecurity|avanan|checkpoint|fortinet',
    'slackbot|slack-img|facebookexternalhit|whatsapp|telegrambot|twitterbot|linkedinbot|discordbot|skypeuripreview',
    'microsoftpreview|bingpreview|googlebot|bingbot|headlesschrome|phantomjs|puppeteer|playwright',
    'curl|wget|python|aiohttp|httpx|go-http-client|okhttp|libwww|java\\/|apache-httpclient|node-fetch|axios|undici|ruby\\/|php\\/',
    // Cubot makes telephones.
    '(?<!cu)bot\\b|crawler|spider|scanner',
  ].join('|'),
  'i',
)

/** Which kind of program an agent names; null where it looks like a person's browser, or there is none. */
export const agentKind = (
  agent: string | null,
): 'person' | 'gmail-prefetch' | 'privacy-proxy' | 'machine' | null => {
  if (agent === null) return null
  if (PEOPLE.test(agent)) return 'person'
  if (agent.endsWith(GMAIL_PREFETCH)) return 'gmail-prefetch'
  if (PRIVACY_PROXY.test(agent)) return 'privacy-proxy'
  return MACHINES.test(agent) ? 'machine' : null
}
