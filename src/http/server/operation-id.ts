/** Named otherwise than their path would have it. */
const named: Readonly<Record<string, string>> = {
  'POST /v1/outbox': 'sendEmail',
  'POST /v1/directory/imports': 'importRecords',
  'GET /v1/search': 'searchMessages',
  'GET /v1/audit/replay': 'replayHistory',
  'GET /v1/feed': 'followEvents',
  'GET /health/ready': 'getReadiness',
}

/** The last part of a path that says what is done with the rest. */
const actions: Readonly<Record<string, string>> = {
  pause: 'pause',
  resume: 'resume',
  disconnect: 'disconnect',
  complete: 'complete',
  retry: 'retry',
  skip: 'skip',
  restore: 'restore',
  show: 'show',
  apply: 'apply',
  preview: 'preview',
  merge: 'merge',
  split: 'split',
  undo: 'undo',
  cancellation: 'cancel',
  settlement: 'settle',
  discover: 'discover',
  accept: 'accept',
  reject: 'reject',
  enable: 'enable',
  disable: 'disable',
  replay: 'replay',
  resend: 'resend',
  snooze: 'snooze',
  'rotate-secret': 'rotateSecretOf',
  'dry-run': 'dryRun',
}

const verbs: Readonly<Record<string, string>> = {
  GET: 'get',
  POST: 'create',
  PUT: 'put',
  PATCH: 'change',
  DELETE: 'delete',
}

/**
 * The stable name of an operation, by which a generated client calls its function: what is done, and to what, as the
 * path says, such as `listEmailAccountSyncRuns`.
 */
export const operationIdOf = (method: string, path: string, isList: boolean): string => {
  const byHand = named[`${method} ${path}`]
  if (byHand !== undefined) return byHand
  const parts = path
    .replace(/^\/v1\/(?:directory\/)?/, '/')
    .split('/')
    .filter(Boolean)
  const action = method === 'POST' ? actions[parts.at(-1) ?? ''] : undefined
  const rest = action === undefined ? parts : parts.slice(0, -1)
  const makesOne = method === 'POST' && action === undefined
  const things = rest.flatMap((part, index) => {
    if (part.startsWith(':')) return []
    const isOne = rest[index + 1]?.startsWith(':') === true || (makesOne && index === rest.length - 1)
    return [pascal(nameOf(part, isOne))]
  })
  return `${action ?? (isList ? 'list' : verbs[method])}${things.join('')}`
}

/** What the API calls the outbox is full of emails. */
const nameOf = (part: string, isOne: boolean): string => {
  const many = part === 'outbox' ? 'emails' : part
  if (!isOne) return many
  return many.endsWith('ies') ? `${many.slice(0, -3)}y` : many.replace(/s$/, '')
}

/** `email-account` as `EmailAccount`. */
export const pascal = (kebab: string): string =>
  kebab.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())
