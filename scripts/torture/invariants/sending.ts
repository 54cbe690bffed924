import { ofType, type Evidence, type Invariant, type Logged } from '../evidence.ts'

const CLOCK_MS = 20

export const streamsOf = (events: readonly Logged[]): Map<string, Logged[]> =>
  Map.groupBy(
    events.filter(({ stream }) => stream.startsWith('outgoing-')),
    ({ stream }) => stream.slice('outgoing-'.length),
  )

const twice = <Item>(items: readonly Item[], keyOf: (item: Item) => string): string[] =>
  [...Map.groupBy(items, keyOf)].filter(([, of]) => of.length > 1).map(([key]) => key)

const END = ['EmailSent', 'EmailFailed', 'EmailCancelled', 'EmailOutcomeLost']
export const endOf = (events: readonly Logged[]): Logged | undefined =>
  events.findLast(({ type }) => END.includes(type))

export const nothingIsSentTwice: Invariant = {
  name: 'no email is sent twice; what is recorded as sent was accepted, and what was accepted is sent or unknown',
  atRest: true,
  check: ({ world, events }) => {
    const broken = [
      ...twice(world.sunk, ({ outgoingId }) => outgoingId).map((id) => `${id} was taken twice`),
      ...twice(world.sunk, ({ messageId }) => messageId).map((id) => `${id} was taken twice`),
    ]
    const taken = new Map(world.sunk.map((mail) => [mail.outgoingId, mail]))
    const streams = streamsOf(events)
    for (const { data } of ofType(events, 'EmailSent'))
      if (!taken.has(data.outgoingId)) broken.push(`${data.outgoingId} is sent, and was never taken`)
    for (const id of twice(ofType(events, 'EmailSent'), ({ data }) => data.outgoingId))
      broken.push(`${id} is recorded as sent twice`)
    for (const [id, mail] of taken) {
      const stream = streams.get(id) ?? []
      const end = endOf(stream)?.type
      if (end !== 'EmailSent' && end !== 'EmailOutcomeLost')
        broken.push(`${id} was taken, and its stream is ${stream.map(({ type }) => type).join(', ')}`)
      const [queued] = ofType(stream, 'EmailQueued')
      if (!queued) continue
      if (queued.data.mime.blob !== mail.sha256) broken.push(`${id} went with other bytes than were fixed`)
      const [fixed, went] = [queued.data.envelope, mail].map(({ from, recipients }) =>
        JSON.stringify([from, [...recipients].toSorted()]),
      )
      if (fixed !== went) broken.push(`${id} was for ${fixed} and went to ${went}`)
    }
    return { looked: `${world.sunk.length} mails taken`, broken }
  },
}

export const everyMessageComesToAnEnd: Invariant = {
  name: 'every queued email was sent, cancelled or is unknown, with the requested recipients',
  atRest: true,
  check: ({ asked, events }) => {
    const streams = streamsOf(events)
    const broken = asked.wishes.flatMap((wish) => {
      const stream = streams.get(wish.outgoingId) ?? []
      const [queued] = ofType(stream, 'EmailQueued')
      const end = endOf(stream)?.type
      if (!queued) return [`${wish.outgoingId} was never queued`]
      const to = JSON.stringify(queued.data.envelope.recipients.toSorted())
      const wished = JSON.stringify(wish.recipients.toSorted())
      return [
        ...(end === undefined || end === 'EmailFailed'
          ? [`${wish.outgoingId} ended as ${stream.map(({ type }) => type).join(', ')}`]
          : []),
        ...(to === wished ? [] : [`${wish.outgoingId} was asked for ${wished} and queued for ${to}`]),
      ]
    })
    return { looked: `${asked.wishes.length} messages`, broken }
  },
}

export const unknownIsRare: Invariant = {
  name: 'an outcome is unknown only after a kill, a pause or a lost answer, and only if the Sent folder does not settle it',
  atRest: true,
  check: ({ world, fire, events }) => {
    const broken: string[] = []
    const lost = new Set(world.sunk.filter(({ dropped }) => dropped).map(({ outgoingId }) => outgoingId))
    const told = ofType(events, 'EmailOutcomeLost')
    for (const { data, stream, revision, recordedAt } of told) {
      const released = events.find((event) => event.stream === stream && event.revision === revision - 1)
      const [from, to] = [released?.recordedAt ?? recordedAt, recordedAt].map((at) => Date.parse(at)) as [
        number,
        number,
      ]
      const wasStruck = fire.tally.blows.some(
        (blow) => blow.to >= from - CLOCK_MS && blow.from <= to + CLOCK_MS,
      )
      if (released?.type !== 'EmailReleased' || !(wasStruck || lost.has(data.outgoingId)))
        broken.push(
          `${data.outgoingId} became unknown at ${recordedAt}, with neither a kill, a pause nor a lost answer`,
        )
    }
    const left = [...streamsOf(events)]
      .filter(([, stream]) => endOf(stream)?.type === 'EmailOutcomeLost')
      .map(([id]) => id)
    const gone = left.filter((id) => world.sunk.some(({ outgoingId }) => outgoingId === id))
    for (const id of gone) {
      const { user } = world.sunk.find(({ outgoingId }) => outgoingId === id)!
      if (world.people.some(({ address, filesCopies }) => address === user && filesCopies))
        broken.push(`${id} is unknown, and lies in the Sent folder`)
    }
    const found = ofType(events, 'EmailSent').filter(({ data }) => data.evidence === 'found').length
    return {
      looked: `${told.length} unknown, ${found} found in a mailbox; ${left.length} left unknown, of which ${gone.length} had gone (${fire.tally.blows.length} kills and pauses, ${lost.size} lost answers)`,
      broken,
    }
  },
}

export const nothingGoesEarly: Invariant = {
  name: 'nothing is sent before its time, or after an accepted cancel',
  atRest: false,
  check: ({ world, asked, events }: Evidence) => {
    const broken: string[] = []
    const taken = new Map(world.sunk.map((mail) => [mail.outgoingId, mail]))
    const streams = streamsOf(events)
    let cancelled = 0
    for (const wish of asked.wishes) {
      const mail = taken.get(wish.outgoingId)
      const due = Math.max(wish.scheduledAt ?? 0, wish.askedAt + wish.undoMs)
      if (mail && mail.at < due) broken.push(`${wish.outgoingId} went ${due - mail.at} ms early`)
      if (!wish.cancelled) continue
      cancelled++
      if (mail) broken.push(`${wish.outgoingId} went although its cancel was accepted`)
      if (endOf(streams.get(wish.outgoingId) ?? [])?.type !== 'EmailCancelled')
        broken.push(`${wish.outgoingId}: the accepted cancel is not its end`)
    }
    for (const { data } of ofType(events, 'EmailCancelled'))
      if (taken.has(data.outgoingId)) broken.push(`${data.outgoingId} is cancelled, and went`)
    const later = asked.wishes.filter(({ scheduledAt, undoMs }) => scheduledAt !== null || undoMs > 0).length
    return { looked: `${later} for later, ${cancelled} cancelled`, broken }
  },
}

export const copiesAreFiledOnce: Invariant = {
  name: 'each sent email is in Sent once, without pixel and with the original links',
  atRest: true,
  check: ({ world, events }) => {
    const broken: string[] = []
    let looked = 0
    for (const { address, filesCopies } of world.people) {
      const sent = world.sentAt(address)
      const byId = Map.groupBy(
        sent,
        (raw) => /^X-Mailtrail-Id: (\S+)/im.exec(raw.toString('latin1'))?.[1] ?? '',
      )
      looked += sent.length
      for (const [id, copies] of byId) {
        if (copies.length > 1) broken.push(`${id} lies ${copies.length} times in Sent of ${address}`)
        if (!filesCopies && copies.some((raw) => raw.includes('/t/o/') || raw.includes('/t/c/')))
          broken.push(`${id}: its copy in Sent is tracked`)
      }
      for (const { data } of ofType(events, 'EmailSent')) {
        const isHere = world.sunk.some(
          ({ outgoingId, user }) => outgoingId === data.outgoingId && user === address,
        )
        if (isHere && !byId.has(data.outgoingId)) broken.push(`${data.outgoingId} has no copy in Sent`)
      }
    }
    return { looked: `${looked} copies`, broken }
  },
}
