import { defineProblem, sendProblem } from './problems.ts'
import type { App } from './server.ts'

const noSuchRoute = defineProblem(404, 'no-such-route', {
  title: 'No such URL',
  meaning: 'There is no operation at this URL.',
  remedy: 'See /docs for the available operations.',
})
const methodNotAllowed = defineProblem(405, 'method-not-allowed', {
  title: 'Method not allowed',
  meaning: 'The URL exists, but not with this method.',
  remedy: 'Use one of the methods that the header Allow lists.',
})

type Path = { readonly pattern: RegExp; readonly methods: Set<string> }

/** Answers where no route fits: `OPTIONS` with the methods of the path, others with 405, and 404 where there is no such path. */
export const answerOtherMethods = (app: App): void => {
  const paths = new Map<string, Path>()
  app.addHook('onRoute', ({ url, method }) => {
    const path = paths.get(url) ?? { pattern: patternOf(url), methods: new Set(['OPTIONS']) }
    for (const each of [method].flat()) path.methods.add(each)
    paths.set(url, path)
  })
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?', 1)
    const methods = [...paths.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((found) => [...found.methods])
    if (methods.length === 0) return sendProblem(request, reply, noSuchRoute())
    void reply.header('allow', [...new Set(methods)].toSorted().join(', '))
    return request.method === 'OPTIONS'
      ? reply.status(204).send()
      : sendProblem(request, reply, methodNotAllowed())
  })
}

/** Of a route's URL: a parameter is one segment, `*` is anything, and a slash at the end does not count. */
const patternOf = (url: string): RegExp => {
  const path = url
    .replace(/\/$/, '')
    .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/:\w+/g, '[^/]+')
    .replaceAll('*', '.*')
  return new RegExp(`^${path}/?$`)
}
