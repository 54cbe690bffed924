import { context, propagation, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { exportTraces } from '../../src/adapters/tracing/export-traces.ts'
import { traceBatch } from '../../src/adapters/tracing/projection-spans.ts'
import { inRun, inSpan, spanContextOf } from '../../src/adapters/tracing/spans.ts'
import type { RecordedEvent } from '../../src/domain/event.ts'
import { startApp } from '../support/running-app.ts'

const app = await startApp(t)
const putContact = (firstName: string, headers: Record<string, string> = {}) =>
  app.client.send('PUT', '/v1/directory/contacts/c-secret-7', { firstName }, headers)
const metadataOf = async (position: string | null) => {
  const { rows } = await app.pool.query<{ metadata: { traceparent?: string } }>(
    'select metadata from es.events where position = $1',
    [Number(position?.slice(2))],
  )
  return rows[0]!.metadata
}
const asks = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const traceparent = `00-${asks.traceId}-${asks.spanId}-01`
/** Traces are kept in memory from here on until the test ends. */
const collect = (t: Test) => {
  const exporter = new InMemorySpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  provider.register()
  t.teardown(async () => {
    await provider.shutdown()
    trace.disable()
    context.disable()
    propagation.disable()
  })
  const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name)
  return { all: () => exporter.getFinishedSpans(), named }
}
const isBelow = (span: ReadableSpan | undefined, parent: ReadableSpan | undefined) =>
  span !== undefined &&
  span.parentSpanContext?.spanId === parent?.spanContext().spanId &&
  span.spanContext().traceId === parent?.spanContext().traceId

t.test('while nothing is traced, events say nothing of traces, whatever the caller says', async (t) => {
  const { position } = await putContact('Adelheid', { traceparent })
  t.same(Object.keys(await metadataOf(position)).toSorted(), [
    'actor',
    'causationId',
    'commandId',
    'correlationId',
    'occurredAt',
    'schemaVersion',
  ])
})

t.test('one trace leads from who asks to the projection, through the log', async (t) => {
  const spans = collect(t)
  const { position } = await putContact('Brunhild', { traceparent })
  const found = await until(
    'the projection is traced',
    // The batch of the test before may be running still; it has nothing to name.
    async () => spans.named('projection directory').filter(({ links }) => links.length > 0),
    ({ length }) => length > 0,
  )
  const [request] = spans.named('PUT /v1/directory/contacts/:id')
  const [command] = spans.named('command contact put')
  const [append] = spans.named('append contact')
  t.equal(request?.spanContext().traceId, asks.traceId)
  t.equal(request?.parentSpanContext?.spanId, asks.spanId)
  t.ok(isBelow(command, request) && isBelow(append, command), 'request, command, append')
  t.match(request?.attributes, {
    'http.route': '/v1/directory/contacts/:id',
    'http.response.status_code': 200,
  })
  t.match(append?.attributes, { 'mailtrail.events': 1, 'mailtrail.stream.category': 'contact' })

  const written = (await metadataOf(position)).traceparent
  t.match(spanContextOf(written), { traceId: asks.traceId, spanId: command?.spanContext().spanId })
  t.same(
    found.flatMap(({ links }) => links.map((link) => link.context.spanId)),
    [command?.spanContext().spanId],
    'the batch names the command',
  )
  t.not(found[0]?.spanContext().traceId, asks.traceId, 'and is a trace of its own')
  const told = JSON.stringify(spans.all().map(({ name, attributes, links }) => [name, attributes, links]))
  for (const personal of ['c-secret-7', 'Brunhild', app.key]) t.notMatch(told, personal)
})

t.test('a command is linked to the one that changed the same thing last', async (t) => {
  const spans = collect(t)
  await putContact('Chriemhild')
  await putContact('Dietlind')
  const [first, second] = spans.named('command contact put')
  t.not(second?.spanContext().traceId, first?.spanContext().traceId)
  t.same(
    second?.links.map((link) => link.context.spanId),
    [first?.spanContext().spanId],
  )
})

t.test('a refusal is in the trace by its code, and is no fault', async (t) => {
  const spans = collect(t)
  const answer = await app.ask('POST', '/v1/email-accounts/acc_00000000000000000000000000/pause', {
    body: {},
  })
  t.equal(answer.status, 404)
  const [command] = spans.named('command account pause')
  t.match(command, { status: { code: 0 }, attributes: { 'error.type': 'NotFound' } })
})

t.test('whoever opens a mail has no say in what is traced', async (t) => {
  const spans = collect(t)
  await app.ask('GET', '/t/o/nothing-sealed', { key: null, headers: { traceparent } })
  const [hit] = await until(
    'the hit is traced',
    async () => spans.named('GET /t/o/:token'),
    ({ length }) => length > 0,
  )
  t.not(hit?.spanContext().traceId, asks.traceId)
  t.notMatch(JSON.stringify(hit?.attributes), /nothing-sealed/)
})

t.test('what happens unasked is a trace where it did something, and none where it only looked', async (t) => {
  const spans = collect(t)
  const runsOf = async (name: string) => {
    const text = (await app.ask('GET', '/metrics')).bytes.toString()
    return Number(
      new RegExp(`^mailtrail_automation_runs_total\\{automation="${name}"\\} (\\d+)`, 'm').exec(text)?.[1],
    )
  }
  const before = await runsOf('send')
  await until(
    'it has looked again',
    () => runsOf('send'),
    (now) => now > before,
  )
  t.same(spans.named('automation send'), [])

  await inRun('automation test', () => inSpan('first', {}, () => inSpan('within', {}, async () => {})))
  const [run, first, within] = ['automation test', 'first', 'within'].map((name) => spans.named(name)[0])
  t.ok(isBelow(first, run) && isBelow(within, first))
  t.equal(run?.parentSpanContext, undefined)
  const failing = inRun('automation failing', () =>
    inSpan('send', {}, () => Promise.reject(new RangeError('to ada@example.test'))),
  )
  await t.rejects(failing, RangeError)
  for (const name of ['send', 'automation failing'])
    t.match(spans.named(name)[0], { status: { code: 2 }, attributes: { 'error.type': 'RangeError' } })
  t.notMatch(JSON.stringify(spans.all().map(({ events, attributes }) => [events, attributes])), /ada@/)
})

t.test('a batch names the traces of its events once each, and no more than 32', async (t) => {
  const spans = collect(t)
  const event = (n: number) => {
    const metadata = { traceparent: `00-${String(n).padStart(32, '1')}-${asks.spanId}-01` }
    return { metadata } as unknown as RecordedEvent
  }
  const events = [1, 1, 2].map(event)
  traceBatch({
    projection: 'few',
    events: [...events, { metadata: {} } as RecordedEvent],
    ms: 5,
    failed: false,
  })
  traceBatch({
    projection: 'many',
    events: Array.from({ length: 100 }, (_, n) => event(n)),
    ms: 5,
    failed: true,
  })
  t.equal(spans.named('projection few')[0]?.links.length, 2)
  t.match(spans.named('projection many')[0], { links: { length: 32 }, status: { code: 2 } })
  for (const wrong of ['', 'x', `00-${'0'.repeat(32)}-${asks.spanId}-01`, `${traceparent}-more`])
    t.equal(spanContextOf(wrong), undefined, wrong)
})

t.test('traces go to the collector under the name of the service, the last of them at the end', async (t) => {
  const got: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = []
  const collector = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      got.push({ url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() })
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  await new Promise<void>((resolve) => void collector.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void collector.close())
  const { port } = collector.address() as AddressInfo

  const end = exportTraces({
    url: `http://127.0.0.1:${port}/v1/traces`,
    serviceName: 'mailtrail-test',
    onLost: (error) => void t.fail(String(error)),
  })
  await inSpan('seen', {}, async () => {})
  await end()
  await inSpan('not seen', {}, async () => {})
  t.same(
    got.map(({ url }) => url),
    ['/v1/traces'],
  )
  const { resourceSpans } = JSON.parse(got[0]!.body) as {
    resourceSpans: { resource: { attributes: unknown[] }; scopeSpans: { spans: { name: string }[] }[] }[]
  }
  t.match(resourceSpans, [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'mailtrail-test' } }] },
      scopeSpans: [{ spans: [{ name: 'seen' }] }],
    },
  ])

  const started = performance.now()
  const lost: unknown[] = []
  const endAway = exportTraces({
    url: 'http://127.0.0.1:9/v1/traces',
    serviceName: 'mailtrail-test',
    onLost: (error) => void lost.push(error),
  })
  await inSpan('lost', {}, async () => {})
  await endAway()
  t.equal(lost.length, 1)
  t.ok(performance.now() - started < 6000, 'a collector that is away keeps nobody from stopping')
})
