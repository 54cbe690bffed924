import type { FastifyRequest, FastifySchemaValidationError } from 'fastify'
import { distanceBetween } from '../../domain/edit-distance.ts'
import { defineProblem, type HttpProblem } from './problems.ts'

export const invalidRequest = defineProblem(400, 'invalid-request', {
  title: 'Invalid request',
  meaning: 'A field is missing, unknown or malformed; `errors` lists each one with its path.',
  remedy: 'Correct the fields that are listed.',
})

export const UNKNOWN = 'is unknown here'

/** What zod says of one place. */
type Issue = {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
  /** Of a union that nothing fits: the issues of each of its options. */
  readonly errors?: readonly (readonly Issue[])[]
}
type Fault = { readonly path: string; readonly message: string; readonly meant: string | null }

/** Every place where a request does not have its documented form; of an unknown name also what was probably meant. */
export const invalidForm = (
  request: FastifyRequest,
  context: string,
  validation: readonly FastifySchemaValidationError[],
): HttpProblem => {
  const { knownNames = [] } = request.routeOptions.config
  const faults = validation
    .flatMap((error) => faultsOf(issueOf(error), `${context}${error.instancePath}`, knownNames))
    .slice(0, 100)
  const meant = faults.flatMap(({ path, meant: name }) =>
    name === null ? [] : [`${name} instead of ${path.slice(path.lastIndexOf('/') + 1)}`],
  )
  return invalidRequest({
    detail: 'The request does not have the documented form.',
    errors: faults.map(({ path, message }) => ({ path, message })),
    ...(meant.length === 0
      ? {}
      : { remedy: `Did you mean ${meant.join(', ')}? Correct the fields that are listed.` }),
  })
}

// The type provider keeps the place apart, as the path of the instance.
const issueOf = ({ keyword, message = 'is not valid', params }: FastifySchemaValidationError): Issue => ({
  path: [],
  ...params,
  code: keyword,
  message,
})

/** The places of an issue under `at`, which are told of the unknown names `known` that they may mean. */
export const faultsOf = (issue: Issue, at: string, known: readonly string[]): Fault[] => {
  const path = [at.replace(/\/$/, ''), ...issue.path.map(String)].join('/')
  if (issue.code === 'unrecognized_keys')
    return (issue.keys ?? []).map((key) => {
      const meant = nearestOf(key, known)
      const message = meant === null ? UNKNOWN : `${UNKNOWN}; did you mean ${meant}?`
      return { path: `${path}/${key}`, message, meant }
    })
  const nearest = (issue.errors ?? []).toSorted((one, other) => one.length - other.length)[0]
  if (issue.code === 'invalid_union' && nearest !== undefined && nearest.length > 0)
    return nearest.flatMap((inner) => faultsOf(inner, path, known))
  return [{ path: issue.path.length === 0 ? at : path, message: issue.message, meant: null }]
}

/** The known name that was probably meant; null if none is near. */
const nearestOf = (name: string, known: readonly string[]): string | null => {
  if (name.length > 64) return null
  const [near] = known
    .filter((each) => each !== name)
    .map((each) => ({ each, distance: distanceBetween(name.toLowerCase(), each.toLowerCase()) }))
    .toSorted((one, other) => one.distance - other.distance)
  return near && near.distance <= Math.max(1, name.length / 3) ? near.each : null
}
