import { Server, ServerCredentials, status, type ServerWritableStream } from '@grpc/grpc-js'
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js'
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js'
import sharedPb from '@eventstore/db-client/generated/shared_pb.js'
import streams, { type IStreamsServer } from '@eventstore/db-client/generated/streams_grpc_pb.js'
import pb from '@eventstore/db-client/generated/streams_pb.js'
import type { KeyPair } from '../mail-servers/tls.ts'
import { doubleLog, type Kept, type Proposed } from './log.ts'

/** What goes wrong with the next call of a kind, once. The server goes on as if nothing were. */
export type Fault =
  /** The call ends as if all were well, too early or with no answer. */
  | 'ends'
  /** It fails as a connection that is lost does. */
  | 'resets'
  /** It is never answered. */
  | 'stalls'
  /** The same, after the events were written. */
  | 'writes-and-resets'
  | 'writes-and-stalls'
export type Call = 'append' | 'read-stream' | 'read-all' | 'follow'

const MOST_BYTES = 1024 * 1024

export type DoubleOptions = {
  readonly tls?: KeyPair
  /** Where its events outlive it; in memory only if there is none. */
  readonly file?: string
  /** Any free one if there is none. */
  readonly port?: number
}

/**
 * EventStoreDB on the wire: the services of the client's own generated code over a log of its own, and faults on
 * demand.
 */
export const eventStoreDbDouble = async ({ tls, file, port: wished = 0 }: DoubleOptions = {}) => {
  const log = doubleLog(file)
  const followers = new Set<(event: Kept) => void>()
  const faults: { readonly call: Call; readonly fault: Fault; left: number }[] = []
  const open = new Set<ServerWritableStream<pb.ReadReq, pb.ReadResp>>()
  const calls = { append: 0, batchAppend: 0, follow: 0, 'read-all': 0, 'read-stream': 0 }
  let server = new Server()
  let port = wished

  const faultOf = (call: Call): Fault | null => {
    const next = faults.find((each) => each.call === call && each.left > 0)
    if (next) next.left--
    return next?.fault ?? null
  }

  const write = (header: pb.AppendReq.Options, messages: readonly pb.AppendReq.ProposedMessage[]) => {
    const stream = Buffer.from(header.getStreamIdentifier()!.getStreamName_asU8()).toString()
    const expected = header.hasAny() ? 'any' : header.hasNoStream() ? -1 : Number(header.getRevision())
    const written = log.append(stream, expected, messages.map(proposed))
    const response = new pb.AppendResp()
    if (!written) return response.setWrongExpectedVersion(conflict(header, log.of(stream).at(-1)))
    const position = new pb.AppendResp.Position()
    const last = written.there.at(-1)!
    position.setCommitPosition(String(last.commit))
    position.setPreparePosition(String(last.commit))
    const success = new pb.AppendResp.Success()
    success.setCurrentRevision(String(last.revision))
    success.setPosition(position)
    if (!written.isRepeat) for (const event of written.there) for (const tell of followers) tell(event)
    return response.setSuccess(success)
  }

  const service: IStreamsServer = {
    append: (call, answer) => {
      calls.append++
      const fault = faultOf('append')
      let header: pb.AppendReq.Options | undefined
      const messages: pb.AppendReq.ProposedMessage[] = []
      call.on('data', (part: pb.AppendReq) => {
        if (part.hasOptions()) header = part.getOptions()
        else messages.push(part.getProposedMessage()!)
      })
      const judge = () => {
        // What was given up half way is not an append of the half.
        if (call.cancelled || call.destroyed || !header) return
        const size = messages.reduce((sum, each) => sum + each.getData_asU8().length, 0)
        if (size > MOST_BYTES) {
          return answer({ code: status.INVALID_ARGUMENT, details: 'Maximum Append Size Exceeded' })
        }
        if (fault === 'resets') return answer({ code: status.UNAVAILABLE, details: 'connection lost' })
        if (fault === 'stalls') return
        const response = write(header, messages)
        if (fault === 'writes-and-stalls') return
        if (fault === 'writes-and-resets')
          return answer({ code: status.UNAVAILABLE, details: 'connection lost' })
        if (fault === 'ends') return answer({ code: status.CANCELLED, details: 'the server goes down' })
        answer(null, response)
      }
      // A call that is given up ends like one that is whole, and says so a moment later.
      call.on('end', () => setImmediate(() => setImmediate(judge)))
    },
    read: (call) => {
      open.add(call)
      call.on('close', () => open.delete(call))
      call.on('cancelled', () => open.delete(call))
      const options = call.request.getOptions()!
      if (options.hasSubscription()) return follow(call)
      void read(call, options)
    },
    batchAppend: (call) => {
      calls.batchAppend++
      call.emit('error', { code: status.UNIMPLEMENTED, details: 'not used by us' })
    },
    delete: (_call, answer) => answer({ code: status.UNIMPLEMENTED }),
    tombstone: (_call, answer) => answer({ code: status.UNIMPLEMENTED }),
  }

  const follow = (call: ServerWritableStream<pb.ReadReq, pb.ReadResp>): void => {
    calls.follow++
    const fault = faultOf('follow')
    const confirmation = new pb.ReadResp.SubscriptionConfirmation()
    call.write(new pb.ReadResp().setConfirmation(confirmation.setSubscriptionId('1')))
    if (fault === 'stalls') return
    if (fault === 'ends') return void call.end()
    if (fault === 'resets') return void call.emit('error', lost(status.CANCELLED))
    const tell = (event: Kept) => void call.write(told(event))
    followers.add(tell)
    for (const end of ['cancelled', 'close'] as const) call.on(end, () => followers.delete(tell))
  }

  const read = async (
    call: ServerWritableStream<pb.ReadReq, pb.ReadResp>,
    options: pb.ReadReq.Options,
  ): Promise<void> => {
    const backwards = options.getReadDirection() === pb.ReadReq.Options.ReadDirection.BACKWARDS
    const of = options.getStream()
    const fault = faultOf(of ? 'read-stream' : 'read-all')
    calls[of ? 'read-stream' : 'read-all']++
    let events = [...(of ? [] : log.events)]
    if (of) {
      const stream = Buffer.from(of.getStreamIdentifier()!.getStreamName_asU8()).toString()
      events = [...log.of(stream)]
      if (events.length === 0 && !fault) {
        const missing = new pb.ReadResp.StreamNotFound().setStreamIdentifier(of.getStreamIdentifier())
        call.write(new pb.ReadResp().setStreamNotFound(missing))
        return void call.end()
      }
      if (of.hasRevision()) events = events.filter(({ revision }) => revision >= Number(of.getRevision()))
    } else if (options.getAll()?.hasPosition()) {
      const from = Number(options.getAll()!.getPosition()!.getCommitPosition())
      events = events.filter(({ commit }) => commit >= from)
    }
    if (backwards) events.reverse()
    events = events.slice(0, Number(options.getCount()))
    if (fault === 'stalls') return
    const half = fault ? events.slice(0, events.length >> 1) : events
    for (const event of half) {
      if (call.cancelled) return
      if (!call.write(told(event))) await new Promise((resolve) => call.once('drain', resolve))
    }
    if (fault === 'resets') call.emit('error', lost(status.UNAVAILABLE))
    else call.end()
  }

  const told = (event: Kept): pb.ReadResp => {
    const record = new pb.ReadResp.ReadEvent.RecordedEvent()
    record.setId(new sharedPb.UUID().setString(event.id))
    record.setStreamIdentifier(new sharedPb.StreamIdentifier().setStreamName(Buffer.from(event.stream)))
    record.setStreamRevision(String(event.revision))
    record.setCommitPosition(String(event.commit))
    record.setPreparePosition(String(event.commit))
    for (const [name, value] of event.metadata) record.getMetadataMap().set(name, value)
    record.getMetadataMap().set('created', String(BigInt(event.createdAt) * 10_000n))
    record.setData(event.data)
    record.setCustomMetadata(event.customMetadata)
    const found = new pb.ReadResp.ReadEvent().setEvent(record).setCommitPosition(String(event.commit))
    return new pb.ReadResp().setEvent(found)
  }

  const start = async (): Promise<void> => {
    const credentials = tls
      ? ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) },
        ])
      : ServerCredentials.createInsecure()
    server = new Server({ 'grpc.max_receive_message_length': 32 * 1024 * 1024 })
    server.addService(streams.StreamsService, service)
    server.addService(features.ServerFeaturesService, {
      getSupportedMethods: (
        _call: unknown,
        answer: (error: null, found: featuresPb.SupportedMethods) => void,
      ) => answer(null, new featuresPb.SupportedMethods()),
    })
    port = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    )
  }
  await start()

  return {
    url: tls ? `esdb://admin:changeit@localhost:${port}` : `esdb://127.0.0.1:${port}?tls=false`,
    calls,
    /** Reads and subscriptions that the server still serves. */
    openReads: () => open.size,
    fail: (call: Call, fault: Fault, times = 1): void => void faults.push({ call, fault, left: times }),
    /** Breaks all connections, keeps the log, and refuses new ones until `start`. */
    stop: (): void => {
      server.forceShutdown()
      followers.clear()
      open.clear()
    },
    start,
  }
}

const lost = (code: status) => ({ code, details: 'connection lost' })

const proposed = (message: pb.AppendReq.ProposedMessage): Proposed => ({
  id: message.getId()!.getString(),
  metadata: [...message.getMetadataMap().getEntryList()] as [string, string][],
  data: message.getData_asU8(),
  customMetadata: message.getCustomMetadata_asU8(),
})

const conflict = (header: pb.AppendReq.Options, last: Kept | undefined) => {
  const wrong = new pb.AppendResp.WrongExpectedVersion()
  if (last) wrong.setCurrentRevision(String(last.revision))
  else wrong.setCurrentNoStream(new sharedPb.Empty())
  if (header.hasNoStream()) return wrong.setExpectedNoStream(new sharedPb.Empty())
  return wrong.setExpectedRevision(header.getRevision())
}
