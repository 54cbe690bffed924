import { registerHooks } from 'node:module'
import { plants } from './plants.ts'

// Loaded by Node before the service: importers of a replaced module get ours, and ours gets the real one.
const { replaces } = plants[process.env['TORTURE_PLANT'] ?? '']!
const replacements = new Map(
  Object.entries(replaces).map(([real, ours]) => [
    new URL(`../../../src/${real}`, import.meta.url).href,
    new URL(ours, import.meta.url).href,
  ]),
)
const isOurs = (url: string | undefined): boolean => [...replacements.values()].some((ours) => ours === url)

registerHooks({
  resolve: (specifier, context, next) => {
    const resolved = next(specifier, context)
    const ours = replacements.get(resolved.url)
    return ours === undefined || isOurs(context.parentURL) ? resolved : { ...resolved, url: ours }
  },
})
