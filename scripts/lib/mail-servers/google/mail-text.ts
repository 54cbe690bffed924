/** A header field's values, unfolded. */
export const fieldsOf = (raw: Buffer, name: string): string[] =>
  headersOf(raw).flatMap((header) => (header.name.toLowerCase() === name.toLowerCase() ? [header.value] : []))

export const headersOf = (raw: Buffer): { name: string; value: string }[] => {
  const [header = ''] = raw.toString('utf8').split('\r\n\r\n', 1)
  return header
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .flatMap((line) => {
      const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [{ name, value }]
    })
}

const ADDRESS = /[^\s<>,;"]+@[^\s<>,;"]+/g

/** Whom the header names: Gmail has no other envelope. */
export const recipientsIn = (raw: Buffer): string[] =>
  ['to', 'cc', 'bcc'].flatMap((name) => fieldsOf(raw, name)).flatMap((value) => value.match(ADDRESS) ?? [])

/** What recipients get. */
export const withoutBcc = (raw: Buffer): Buffer => {
  const end = raw.indexOf('\r\n\r\n')
  const header = raw.subarray(0, end + 2).toString('latin1')
  return Buffer.concat([
    Buffer.from(header.replace(/^bcc:.*\r\n(?:[ \t].*\r\n)*/im, ''), 'latin1'),
    raw.subarray(end + 2),
  ])
}

/** The JSON and the bytes of an upload (`multipart/related`, or the bytes alone). */
export const uploaded = (
  contentType: string,
  body: Buffer,
): { json: Record<string, unknown>; raw: Buffer } => {
  const [, boundary] = /boundary="?([^";]+)/.exec(contentType) ?? []
  if (boundary === undefined) return { json: {}, raw: body }
  const parts: Buffer[] = []
  const mark = Buffer.from(`--${boundary}`)
  for (let from = body.indexOf(mark); from >= 0;) {
    const next = body.indexOf(mark, from + mark.length)
    if (next < 0) break
    const part = body.subarray(from, next)
    parts.push(part.subarray(part.indexOf('\r\n\r\n') + 4, part.length - 2))
    from = next
  }
  const [json, raw] = parts
  return {
    json: JSON.parse(json?.toString('utf8') ?? '{}') as Record<string, unknown>,
    raw: raw ?? Buffer.alloc(0),
  }
}
