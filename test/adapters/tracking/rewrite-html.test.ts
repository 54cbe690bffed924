import fc from 'fast-check'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { parse, type DefaultTreeAdapterTypes } from 'parse5'
import t from 'tap'
import { restoreHtml } from '../../../src/adapters/tracking/restore-html.ts'
import { restoreText } from '../../../src/adapters/tracking/restore-text.ts'
import { rewriteHtml } from '../../../src/adapters/tracking/rewrite-html.ts'
import { trackingTokens } from '../../../src/adapters/tracking/token.ts'
import { trackHtml } from '../../../src/adapters/tracking/track-html.ts'
import type { CopyToTrack } from '../../../src/commands/ports/tracking.ts'
import { entityId, newCommandId } from '../../../src/commands/handle.ts'
import { isLong, runs } from '../../support/long-runs.ts'

const trackingUrl = 'https://track.example.com'
const tokens = trackingTokens([{ id: 1, key: randomBytes(32) }])
const track = (html: string, of: CopyToTrack) => trackHtml(html, of, tokens, trackingUrl)
const copy = { outgoingId: entityId('out', newCommandId(new Date())), recipient: 0 }
const clicksOnly = (html: string) => track(html, { ...copy, opens: false, clicks: true })

type Node = DefaultTreeAdapterTypes.Node

/** What a browser holds: the hrefs of its links in source order, and the sources of its pictures. */
const browse = (html: string): { hrefs: string[]; images: string[] } => {
  const found = new Map<number, string>()
  const images: string[] = []
  const stack: Node[] = [parse(html, { sourceCodeLocationInfo: true, scriptingEnabled: false })]
  for (let node = stack.pop(); node; node = stack.pop()) {
    if ('attrs' in node) {
      const href = node.attrs.find(({ name, prefix }) => name === 'href' && !prefix)
      const at = node.sourceCodeLocation?.startOffset
      if (href && at !== undefined && (node.tagName === 'a' || node.tagName === 'area'))
        found.set(at, href.value)
      if (node.tagName === 'img') images.push(node.attrs.find(({ name }) => name === 'src')?.value ?? '')
    }
    if ('childNodes' in node) stack.push(...node.childNodes)
  }
  const hrefs = [...found].toSorted(([one], [other]) => one - other).map(([, href]) => href)
  return { hrefs, images }
}

const resolved = (href: string): string =>
  /^\s*https?:\/\//i.test(href) ? (URL.parse(href)?.href ?? href) : href

/** Every byte but those of hrefs is as it was: the pieces between our links are in the original, in order, with an href between them. */
const assertOtherBytesEqual = (before: string, after: string): void => {
  const pieces = after.split(/href="https:\/\/track\.example\.com\/t\/c\/[A-Za-z0-9_-]+"/)
  let at = 0
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) {
      const attribute = /href[\s\0]*=[\t\n\f\r ]*(?:"[^"]*"|'[^']*'|[^\t\n\f\r >]*)/iy
      attribute.lastIndex = at
      assert.ok(attribute.test(before), `an href stands at ${at}`)
      at = attribute.lastIndex
    }
    assert.ok(before.startsWith(piece, at), `the bytes from ${at} on are the same`)
    at += piece.length
  }
  assert.equal(at, before.length)
}

const assertLaws = (html: string): void => {
  assert.equal(
    rewriteHtml(html, { trackingHost: 'track.example.com', pixelUrl: null, linkUrl: null }).html,
    html,
  )
  const { html: after, links, failure } = clicksOnly(html)
  assert.equal(failure, null)
  assertOtherBytesEqual(html, after)
  const original = browse(html)
  const rewritten = browse(after)
  assert.equal(rewritten.hrefs.length, original.hrefs.length)
  let next = 0
  for (const [index, href] of rewritten.hrefs.entries()) {
    const token = href.startsWith(`${trackingUrl}/t/c/`)
      ? tokens.readClick(href.slice(trackingUrl.length + 5))
      : null
    if (token) {
      assert.equal(token.link, next)
      assert.equal(token.url, links[next]?.url)
      next++
    }
    assert.equal(token ? token.url : href, token ? resolved(original.hrefs[index]!) : original.hrefs[index])
  }
  assert.equal(next, links.length)
  const restored = restoreHtml(after, tokens)
  assert.deepEqual(browse(restored).hrefs.map(resolved), original.hrefs.map(resolved))
  const both = track(html, { ...copy, opens: true, clicks: true })
  const pixels = browse(both.html).images.filter((src) => src.startsWith(`${trackingUrl}/t/o/`))
  assert.equal(pixels.length, both.pixel ? 1 : 0)
  assert.equal(both.pixel, both.failure === null)
  assert.deepEqual(browse(both.html).hrefs.length, original.hrefs.length)
  assert.equal(browse(restoreHtml(both.html, tokens)).images.length, original.images.length)
}

// Each with the destinations that are tracked, in order.
const cases: { name: string; html: string; tracked: string[] }[] = [
  { name: 'a plain link', html: '<a href="https://a.example/x">x</a>', tracked: ['https://a.example/x'] },
  {
    name: 'single quotes, no quotes, spaces, capitals',
    html: `<A HREF='http://a.example/1'>1</A><a class=c href = http://a.example/2 >2</a>`,
    tracked: ['http://a.example/1', 'http://a.example/2'],
  },
  {
    name: 'entities in the URL are decoded',
    html: '<a href="https://a.example/?a=1&amp;b=2&copy=3&#x26;d">x</a>',
    tracked: ['https://a.example/?a=1&b=2&copy=3&d'],
  },
  {
    name: 'a link in a comment',
    html: '<!-- <a href="https://a.example/">x</a> --><a href="https://b.example/">y</a>',
    tracked: ['https://b.example/'],
  },
  {
    name: 'an Outlook block',
    html: '<!--[if mso]><a href="https://a.example/">x</a><![endif]--><![if !mso]><a href="https://b.example/">y</a><![endif]>',
    tracked: ['https://b.example/'],
  },
  {
    name: 'a textarea, a title, a style, a script and an xmp',
    html: '<title><a href="https://a.example/"></title><textarea><a href="https://b.example/"></textarea><style><a href="https://c.example/"></style><script>"<a href=https://d.example/>"</script><xmp><a href="https://e.example/"></xmp><a href="https://f.example/">x</a>',
    tracked: ['https://f.example/'],
  },
  {
    name: 'a > in an attribute before',
    html: '<a title="a > b" href="https://a.example/">x</a>',
    tracked: ['https://a.example/'],
  },
  {
    name: 'an href in another attribute',
    html: `<a title='href="https://no.example/"' data-href="https://no.example/" href="https://a.example/">x</a>`,
    tracked: ['https://a.example/'],
  },
  {
    name: 'duplicate attributes: the first counts',
    html: '<a href="https://a.example/" href="https://b.example/">x</a>',
    tracked: ['https://a.example/'],
  },
  {
    name: 'quotes and spaces in the URL',
    html: `<a href="https://a.example/it's a test">x</a><a href='https://a.example/"q"'>y</a>`,
    tracked: ["https://a.example/it's%20a%20test", 'https://a.example/%22q%22'],
  },
  {
    name: 'line ends and tabs in the URL',
    html: '<a href=" https://a.example/\r\n long/\tpath ">x</a>',
    tracked: ['https://a.example/%20long/path'],
  },
  {
    name: 'carriage returns before the link',
    html: '<p>\r\n\r\n\r<b>\r\n<a href="https://a.example/">x</a>',
    tracked: ['https://a.example/'],
  },
  {
    name: 'characters outside the first plane and a byte order mark',
    html: '\ufeff<p>😀💙</p><a href="https://a.example/😀">x</a>',
    tracked: ['https://a.example/%F0%9F%98%80'],
  },
  {
    name: 'image maps, svg and MathML',
    html: '<map><area alt=m href="https://a.example/"></map><svg><a href="https://b.example/" xlink:href="https://no.example/"><text>x</text></a></svg><math><a href="https://c.example/">y</a></math>',
    tracked: ['https://a.example/', 'https://b.example/', 'https://c.example/'],
  },
  {
    name: 'mailto, tel, cid, anchors, javascript, data, ftp',
    html: '<a href="mailto:a@b.example">1</a><a href="tel:+1">2</a><a href="cid:x">3</a><a href="#top">4</a><a href="javascript:alert(1)">5</a><a href="data:text/html,x">6</a><a href="ftp://a.example/">7</a><a href="">8</a><a>9</a>',
    tracked: [],
  },
  {
    name: 'relative and protocol-relative links',
    html: '<base href="https://a.example/"><a href="/x">1</a><a href="//b.example/">2</a><a href="x">3</a><a href="https:x">4</a><a href="https:/x">5</a>',
    tracked: [],
  },
  {
    name: 'variables that were not filled in',
    html: '<a href="https://a.example/{contact.first_name}">1</a><a href="{{ url }}">2</a><a href="https://a.example/%7Bx%7D">3</a><a href="https://a.example/*|UNSUB|*">4</a>',
    tracked: [],
  },
  { name: 'a name and password in the URL', html: '<a href="https://user:pw@a.example/">x</a>', tracked: [] },
  {
    name: 'our own host',
    html: '<a href="https://track.example.com/t/c/abc">x</a><a href="https://TRACK.example.com:443/x">y</a>',
    tracked: [],
  },
  {
    name: 'what is not a URL, or too long for one',
    html: `<a href="https://">1</a><a href="https://a b/">2</a><a href="https://a.example:99999/">3</a><a href="https://a.example/${'x'.repeat(2000)}">4</a>`,
    tracked: [],
  },
  {
    name: 'links for unsubscribing',
    html: '<a href="https://a.example/unsubscribe?u=1">bye</a><a href="https://a.example/u/1">Unsubscribe here</a><a href="https://a.example/opt-out">x</a><a href="https://a.example/adopt-outdoor">cats</a>',
    tracked: ['https://a.example/adopt-outdoor'],
  },
  {
    name: 'data-no-track, on the link or around it',
    html: '<a data-no-track href="https://a.example/">1</a><div data-no-track=""><p><a href="https://b.example/">2</a></p></div><a href="https://c.example/">3</a>',
    tracked: ['https://c.example/'],
  },
  {
    name: 'text that is itself an address would look like phishing',
    html: '<a href="https://a.example/x">https://a.example/x</a><a href="https://a.example/x"> www.a.example </a><a href="https://a.example/"><b>a.exa</b>mple</a><a href="https://a.example/">a.example/path</a>',
    tracked: [],
  },
  {
    name: 'text that is a file name is no address',
    html: '<a href="https://a.example/f/1">proposal.pdf</a><a href="https://a.example/f/2">pricing.xlsx</a>',
    tracked: ['https://a.example/f/1', 'https://a.example/f/2'],
  },
  { name: 'a tag that never ends', html: '<p>x</p><a href="https://a.example/', tracked: [] },
  {
    name: 'misnested tags that the browser makes into several elements',
    html: '<a href="https://a.example/"><p>one</a>two<a href="https://b.example/"><div>three',
    tracked: ['https://a.example/', 'https://b.example/'],
  },
  {
    name: 'links moved out of a table',
    html: '<table><a href="https://a.example/">x</a><tr><td><a href="https://b.example/">y</a></table>',
    tracked: ['https://a.example/', 'https://b.example/'],
  },
  {
    name: 'a template and a noscript',
    html: '<template><a href="https://a.example/">x</a></template><noscript><a href="https://b.example/">y</a></noscript>',
    tracked: ['https://b.example/'],
  },
  {
    name: 'attributes glued together',
    html: '<a class="x"href="https://a.example/"id=y>x</a><a/href=https://b.example/>y</a>',
    tracked: ['https://a.example/', 'https://b.example/'],
  },
]

for (const { name, html, tracked } of cases)
  t.test(`rewriting agrees with a browser: ${name}`, async (t) => {
    t.strictSame(
      clicksOnly(html).links.map(({ url }) => url),
      tracked,
    )
    assertLaws(html)
  })

t.test(
  'for any HTML, only hrefs change, each leads to where it led, and the pixel is where a browser sees it',
  async (t) => {
    const href = fc.constantFrom(
      'https://a.example/?x=1&amp;y=2',
      'http://b.example',
      'mailto:a@b.c',
      '#x',
      'HTTPS://C.example/é',
      '//d.example',
      'https://e.example/ f',
      '',
      'https://f.example/"\'>',
    )
    const quoted = fc.tuple(href, fc.constantFrom('"', "'", '')).map(([url, quote]) => quote + url + quote)
    const attribute = fc.oneof(
      quoted.map((url) => `href=${url}`),
      quoted.map((url) => `HREF \n=\r\n ${url}`),
      fc.constantFrom(
        'class="a > b"',
        "title='<a href=x>'",
        'href',
        '/',
        '"',
        'data-x',
        '=',
        'data-no-track',
        'xlink:href="https://x.example/"',
      ),
    )
    const tag = fc.constantFrom(
      'a',
      'A',
      'area',
      'b',
      'p',
      'div',
      'table',
      'tr',
      'td',
      'svg',
      'math',
      'mi',
      'title',
      'textarea',
      'style',
      'script',
      'noscript',
      'template',
      'select',
      'option',
      'button',
      'body',
      'html',
      'head',
      'img',
      'base',
      'foreignObject',
      'plaintext',
      'xmp',
      'iframe',
      'frameset',
      'br',
      'li',
      'object',
      'form',
    )
    const piece = fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .tuple(fc.constantFrom('a', 'a', 'A', 'area'), fc.array(attribute, { maxLength: 4 }))
          .map(([name, attributes]) => `<${name} ${attributes.join(' ')}>`),
      },
      {
        weight: 3,
        arbitrary: fc
          .tuple(tag, fc.array(attribute, { maxLength: 2 }))
          .map(([name, attributes]) => `<${name} ${attributes.join(' ')}>`),
      },
      { weight: 4, arbitrary: tag.map((name) => `</${name}>`) },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          'text',
          '\r\n',
          '\r',
          '&amp;',
          '😀',
          '\0',
          '<!--',
          '-->',
          '<!--[if mso]>',
          '<![endif]-->',
          '<![CDATA[',
          ']]>',
          '<!DOCTYPE html>',
          '<',
          '>',
          '</',
          '<?x',
          '\ufeff',
          '\ud800',
          '</body></html>',
        ),
      },
    )
    const html = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(''))
    fc.assert(fc.property(html, assertLaws), { numRuns: runs(2000, 5000) })
    t.pass()
  },
)

t.test('the pixel goes in before the end of the body, or last, and never into a comment', async (t) => {
  const pixelOf = (html: string) => track(html, { ...copy, opens: true, clicks: false })
  const inBody = pixelOf('<html><body><p>x</p></body></html>\n')
  t.match(
    inBody.html,
    /^<html><body><p>x<\/p><img src="https:\/\/track\.example\.com\/t\/o\/[\w-]{64}" [^>]*><\/body><\/html>\n$/,
  )
  t.match(pixelOf('<p>x').html, /^<p>x<img src=[^>]*>$/)
  t.match(pixelOf('').html, /^<img /)
  for (const open of [
    '<p>x<!-- never closed',
    '<p>x<textarea>',
    '<a href="never closed',
    '<svg><!-- ',
    '<plaintext>',
  ]) {
    const { html, pixel, failure } = pixelOf(open)
    t.strictSame({ html, pixel, failure }, { html: open, pixel: false, failure: 'no-place-for-pixel' })
  }
  t.match(pixelOf('<body>x</body><!-- open').html, /^<body>x<img [^>]*><\/body><!-- open$/)
})

t.test('a link tells what a reader saw: its words, else what stands for its picture', async (t) => {
  const textOf = (html: string) => clicksOnly(html).links[0]?.text
  t.equal(
    textOf('<a href="https://a.example/"> The <b>big</b>\r\n\tproposal&nbsp;&#8203; </a>'),
    'The big proposal',
  )
  t.equal(textOf('<a href="https://a.example/"><img src=x alt="Our logo"></a>'), 'Our logo')
  t.equal(textOf('<map><area href="https://a.example/" alt="North"></map>'), 'North')
  t.equal(textOf('<a title="More" href="https://a.example/"></a>'), 'More')
  t.equal(textOf('<a href="https://a.example/"></a>'), '')
  t.equal(textOf(`<a href="https://a.example/">${'long '.repeat(100)}</a>`)?.length, 200)
})

t.test('at a limit mail is tracked, above it the same HTML goes out untracked with the reason', async (t) => {
  const links = (count: number) => '<a href="https://a.example/">x</a>'.repeat(count)
  t.equal(clicksOnly(links(2000)).links.length, 2000)
  t.strictSame(clicksOnly(links(2001)), {
    html: links(2001),
    links: [],
    pixel: false,
    failure: 'too-many-links',
  })
  const page = (bytes: number) => `<a href="https://a.example/">${'x'.repeat(bytes - 33)}</a>`
  t.equal(Buffer.byteLength(page(1024 * 1024)), 1024 * 1024)
  t.equal(clicksOnly(page(1024 * 1024)).links.length, 1)
  t.equal(clicksOnly(page(1024 * 1024 + 1)).failure, 'too-large')
  const throwing = rewriteHtml('<a href="https://a.example/">x</a>', {
    trackingHost: 'track.example.com',
    pixelUrl: null,
    linkUrl: () => {
      throw new Error('no')
    },
  })
  t.strictSame([throwing.html, throwing.failure], ['<a href="https://a.example/">x</a>', 'not-rewritable'])
})

t.test('a hundred thousand nested tags neither overflow the stack nor take for ever', async (t) => {
  for (const tag of ['div', 'svg']) {
    const html = `${`<${tag}>`.repeat(100_000)}<a href="https://a.example/">x</a>`
    const started = performance.now()
    t.equal(clicksOnly(html).links.length, 1)
    if (isLong) t.ok(performance.now() - started < 10_000)
  }
  const nested = `<svg>${'<a href="https://a.example/">'.repeat(1999)}`
  t.equal(clicksOnly(nested).links.length, 1999)
})

t.test('restoring takes out our own pixels and links only', async (t) => {
  const foreign =
    '<img src="https://track.example.com/t/o/forged"><a href="https://track.example.com/t/c/forged">x</a><img src="https://b.example/p.gif">'
  t.equal(restoreHtml(foreign, tokens), foreign)
  const original =
    '<p>Hi</p><a href="https://a.example/1">one</a><p><a href="https://a.example/2">two</a></p>'
  const tracked = track(original, { ...copy, opens: true, clicks: true })
  t.not(tracked.html, original)
  t.equal(restoreHtml(tracked.html, tokens), original)
  const quoted = `<div>Thanks!<blockquote>${tracked.html}</blockquote>${foreign}</div>`
  t.equal(restoreHtml(quoted, tokens), `<div>Thanks!<blockquote>${original}</blockquote>${foreign}</div>`)
  t.equal(restoreText(foreign, tokens), foreign)
  const [link = '', , picture = ''] = [...tracked.html.matchAll(/(?:href|src)="([^"]+)"/g)].map(
    ([, url]) => url,
  )
  const safeLink = (url: string) =>
    `https://nam02.safelinks.protection.outlook.com/?url=${encodeURIComponent(url)}&amp;data=05%7C02&amp;reserved=0`
  for (const wrapped of [
    safeLink(link),
    safeLink(safeLink(link)),
    `https://urldefense.com/v3/__${link}__;!!K7-x!abc$`,
    `https://linkprotect.cudasvc.com/url?a=${encodeURIComponent(link)}&amp;c=E,1,x`,
  ]) {
    const restored = restoreHtml(`<a href="${wrapped}">one</a>`, tokens)
    t.equal(restored, '<a href="https://a.example/1">one</a>', wrapped)
    const inText = `see <${wrapped.replaceAll('&amp;', '&')}>, or not`
    t.equal(restoreText(inText, tokens), 'see <https://a.example/1>, or not', wrapped)
  }
  const proxied = `<img src="https://ci3.googleusercontent.com/meips/x=s0-d-e1-ft#${picture}">`
  t.equal(restoreHtml(proxied, tokens), '', 'a picture of ours that a proxy hands out')
  const foreignInside = `<a href="${safeLink('https://b.example/t/c/forged')}">x</a>`
  t.equal(restoreHtml(foreignInside, tokens), foreignInside)
  const [one, two, pixel] = [...tracked.html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, url]) => url)
  const plain = `Thanks!\n> Hi one <${one}> [two](${two}) [image: ${pixel}]\n`
  t.equal(
    restoreText(plain, tokens),
    'Thanks!\n> Hi one <https://a.example/1> [two](https://a.example/2) [image: ]\n',
  )
})
