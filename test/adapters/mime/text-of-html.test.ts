import fc from 'fast-check'
import t from 'tap'
import { textOfHtml } from '../../../src/adapters/mime/text-of-html.ts'

t.test('the plain form reads as the HTML looks', async (t) => {
  const cases: [string, string][] = [
    ['<p>Hi  Ann,\n how are you?</p><p>Fine.</p>', 'Hi Ann, how are you?\n\nFine.'],
    ['a<br>b<br><br>c<div>d</div><div>e</div>', 'a\nb\n\nc\nd\ne'],
    ['<div><div><p></p><p>&nbsp;</p>a</div></div><p>b', 'a\n\nb'],
    [
      '<ul><li>one<li>two<ol start=3><li>three<li>four<br>more</ol></ul>end',
      '- one\n- two\n  3. three\n  4. four\n     more\n\nend',
    ],
    ['a<blockquote><p>x</p><p>y<blockquote>z</blockquote></blockquote>b', 'a\n\n> x\n>\n> y\n>\n> > z\n\nb'],
    [
      'See <a href="https://x.test/a?b=1&amp;c=2">our <b>site</b></a>.',
      'See our site <https://x.test/a?b=1&c=2>.',
    ],
    [
      '<a href="https://x.test/">x.test</a> <a href="mailto:a@x.test">A@x.test</a> <a href="mailto:a@x.test">Ann</a>',
      'x.test A@x.test Ann <a@x.test>',
    ],
    [
      '<a href="tel:+15551">+1 (5551)</a> <a href="#top">up</a> <a name=x>y</a> <a href="https://x.test/"></a>',
      '+1 (5551) up y https://x.test/',
    ],
    ['<a href="https://x.test/"><img src="a.png" alt="Logo"></a>', 'Logo <https://x.test/>'],
    ['<table><tr><td>a<td>b<tr><td>c<td>d</table>e', 'a b\nc d\ne'],
    ['<pre>a\n  b\n\nc</pre>d', 'a\n  b\n\nc\n\nd'],
    [
      '<head><title>t</title><style>s</style></head><div style="display: none">preview</div><!-- c -->a<hr>b',
      'a\n---\nb',
    ],
    ['<script>x</script><template>t</template>&lt;b&gt; 5 &lt; 6 &eacute;', '<b> 5 < 6 é'],
    ['', ''],
  ]
  for (const [html, text] of cases) t.equal(textOfHtml(html), text, html)
})

t.test('neither depth nor size stops it', async (t) => {
  t.match(textOfHtml(`${'<div>'.repeat(20_000)}deep`), 'deep')
  t.match(textOfHtml(`${'<blockquote>'.repeat(300)}deep`), /^(> ){300}deep$/)
})

t.test(
  'law: every word that shows is there, in order, and no line is left with space behind it',
  async (t) => {
    const word = fc.stringMatching(/^[a-z]{1,6}$/)
    const html = fc.letrec<{ node: string }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        word,
        fc
          .tuple(
            fc.constantFrom('p', 'div', 'b', 'li', 'ul', 'ol', 'blockquote', 'table><tr><td', 'h1', 'span'),
            fc.array(tie('node'), { maxLength: 4 }),
          )
          .map(([tag, children]) => `<${tag}>${children.join(' ')}</${tag.split('>')[0]}>`),
      ),
    })).node
    fc.assert(
      fc.property(html, (source) => {
        const shown = source.replaceAll(/<[^>]*>/g, ' ').match(/[a-z]+/g) ?? []
        const text = textOfHtml(source)
        t.same(text.match(/[a-z]+/g) ?? [], shown)
        t.notMatch(text, /[ \t]$|\n[ >]*\n[ >]*\n/m)
      }),
      { numRuns: 300 },
    )
  },
)
