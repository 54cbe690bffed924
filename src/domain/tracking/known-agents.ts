/**
 * The user agents of programs that fetch the pictures and links of emails. Part of the classifier and its version: a
 * change here is a new version.
 */

/**
 * People's mail programs, and the proxies that people read through. Public lists take many of them for robots, since
 * they name no browser.
 */
const PEOPLE = new RegExp(
  [
    'GoogleImageProxy|YahooMailProxy|Outlook-(?:iOS|Android)|MacOutlook|Microsoft Outlook|ms-office|Microsoft Office\\/',
    'Thunderbird|Betterbird|SeaMonkey|Postbox|Evolution[ /]|KMail|Kontact|Geary|Claws[ -]Mail|Sylpheed|Balsa|Trojita|Gnus',
    'Apple Mail|Mobile Mail|^Mail\\/\\d|MailMate|Mimestream|Airmail|Spark\\/|Canary ?Mail|eM ?Client|Mailbird|Mailspring|The Bat!',
    'Pegasus Mail|Eudora|Becky!|Foxmail|Opera Mail|Vivaldi Mail|IncrediMail|Windows[ -](?:Live )?Mail|Lotus[ -]Notes|HCL Notes',
    'Zimbra|K-9 Mail|FairEmail|BlueMail|EdisonMail|Superhuman|Missive|Newton\\/|Spike\\/|Hiri\\/|Tutanota|ProtonMail|Zoho ?Mail',
    'SamsungEmail|Samsung Email|HUAWEI ?Email|NAVER ?Mail|GMX ?Mail|WEB\\.DE ?Mail|Boxer|Nine\\/',
  ].join('|'),
  'i',
)

/**
 * Google's sampling and Gmail's prefetch are never a person, and make up 1 to 6 percent of Gmail's opens. They pose as
 * a browser of 2015, with or without another name after it.
 */
const GMAIL_PREFETCH = /Chrome\/42\.0\.2311\.135 Safari\/537\.36 Edge\/12\.246(?: Mozilla\/5\.0)?\s*$/

/** Apple Mail Privacy Protection fetches every picture, whether or not anybody reads the email. */
const PRIVACY_PROXY = /^Mozilla\/5\.0$/

/** Scanners of mail gateways, link previews of chat programs, and libraries. */
const MACHINES = new RegExp(
  [
    'barracuda|proofpoint|mimecast|safelinks|ironport|fireeye|trellix|symantec|messagelabs|trend ?micro|zscaler',
    'sophos|forcepoint|bitsight|cloudmark|spamtitan|vade ?secure|hornetsecurity|avanan|checkpoint|fortinet',
    'slackbot|slack-img|facebookexternalhit|whatsapp|telegrambot|twitterbot|linkedinbot|discordbot|skypeuripreview',
    'microsoftpreview|bingpreview|googlebot|bingbot|headlesschrome|phantomjs|puppeteer|playwright',
    // Everything Google calls by its own name, except the proxy that fetches pictures for readers.
    '(?<![\\w.])google(?!imageproxy| pixel| nexus)|mediapartners|feedfetcher|ggpht\\.com(?! googleimageproxy)',
    'curl|wget|python|aiohttp|httpx|go-http-client|okhttp|libwww|java\\/|apache-httpclient|node-fetch|axios|undici|ruby\\/|php\\/',
    // Cubot makes phones.
    '(?<!cu)bot\\b|crawler|spider|scanner',
  ].join('|'),
  'i',
)

/** The kind of program an agent names; null if it looks like a person's browser, or is missing. */
export const agentKind = (
  agent: string | null,
): 'person' | 'gmail-prefetch' | 'privacy-proxy' | 'machine' | null => {
  if (agent === null) return null
  if (PEOPLE.test(agent)) return 'person'
  if (GMAIL_PREFETCH.test(agent)) return 'gmail-prefetch'
  if (PRIVACY_PROXY.test(agent)) return 'privacy-proxy'
  return MACHINES.test(agent) ? 'machine' : null
}
