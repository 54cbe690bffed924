import { context, propagation, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type NodeTracerConfig,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node'
import { within } from '../../std/within.ts'

type Resource = NonNullable<NodeTracerConfig['resource']>

const TIMEOUT_MS = 5000

/**
 * Exports the process's traces to an OpenTelemetry collector at `url` (OTLP over HTTP, JSON) from now on. Of the SDK's
 * environment variables, the sampler (`OTEL_TRACES_SAMPLER`) and headers (`OTEL_EXPORTER_OTLP_HEADERS`) are used.
 * `onLost` is told why spans could not be exported.
 * @returns a function that exports the last ones and stops, within 5 s
 */
export const exportTraces = (to: {
  readonly url: string
  readonly serviceName: string
  readonly onLost: (error: unknown) => void
}): (() => Promise<void>) => {
  const exporter = new OTLPTraceExporter({ url: to.url, timeoutMillis: TIMEOUT_MS })
  const telling: SpanExporter = {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error) to.onLost(result.error)
        done(result)
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  }
  const provider = new NodeTracerProvider({
    resource: resourceOf({ 'service.name': to.serviceName }),
    spanProcessors: [new BatchSpanProcessor(telling)],
  })
  provider.register()
  return async () => {
    // An unavailable collector must not delay the stop; why spans were lost has already been reported.
    await within(provider.shutdown(), TIMEOUT_MS, () => {}).catch(() => {})
    trace.disable()
    context.disable()
    propagation.disable()
  }
}

const resourceOf = (attributes: Record<string, string>): Resource => ({
  attributes,
  merge: (other) =>
    other
      ? resourceOf({ ...attributes, ...(other.attributes as Record<string, string>) })
      : resourceOf(attributes),
  getRawAttributes: () => Object.entries(attributes),
})
