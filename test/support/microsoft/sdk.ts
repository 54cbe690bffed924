import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

// Microsoft's own SDK, generated from the description of Graph. Its types are those of all of Graph, and would be read
// with each check of types: what is used of it is written down here instead.

const manifest = createRequire(import.meta.url).resolve('@microsoft/msgraph-sdk-users/package.json')
const folder = path.dirname(manifest)
const ofSdk = createRequire(manifest)

const load = async <Module>(specifier: string): Promise<Module> =>
  (await import(pathToFileURL(specifier).href)) as Module

type Item = {
  readonly id?: string
  readonly displayName?: string
  readonly isRead?: boolean
  readonly additionalData?: Record<string, unknown>
}
type Page = {
  readonly value?: readonly Item[]
  readonly odataNextLink?: string
  readonly odataDeltaLink?: string
}
type Asking = {
  readonly headers?: Record<string, readonly string[]>
  readonly queryParameters?: Record<string, unknown>
}
type Delta = { get(asking?: Asking): Promise<Page>; withUrl(link: string): Delta }
export type SdkUser = {
  readonly mailFolders: {
    get(asking?: Asking): Promise<Page>
    readonly delta: Delta
    byMailFolderId(id: string): {
      readonly messages: { readonly delta: Delta; get(asking?: Asking): Promise<Page> }
    }
  }
  readonly messages: {
    byMessageId(id: string): {
      get(asking?: Asking): Promise<Item>
      patch(body: Record<string, unknown>, asking?: Asking): Promise<Item>
      delete(asking?: Asking): Promise<void>
      readonly content: { get(asking?: Asking): Promise<ArrayBuffer> }
      readonly move: { post(body: { destinationId: string }, asking?: Asking): Promise<Item> }
      readonly send: { post(asking?: Asking): Promise<void> }
    }
  }
}

type Metadata = Record<string, unknown>
type Kiota = {
  apiClientProxifier(adapter: unknown, parameters: Record<string, string>, navigation: Metadata): SdkUser
  AnonymousAuthenticationProvider: new () => unknown
}
type Bundle = {
  DefaultRequestAdapter: new (
    auth: unknown,
    parsing?: undefined,
    writing?: undefined,
    http?: unknown,
  ) => { baseUrl: string }
}
type Http = { HttpClient: new (fetch: typeof globalThis.fetch) => unknown }

/** The SDK's client of one user's mail, at a Graph that is reached with `fetched`. */
export const sdkUser = async (
  url: string,
  address: string,
  fetched: typeof globalThis.fetch,
): Promise<SdkUser> => {
  const kiota = await load<Kiota>(ofSdk.resolve('@microsoft/kiota-abstractions'))
  const { DefaultRequestAdapter } = await load<Bundle>(ofSdk.resolve('@microsoft/kiota-bundle'))
  const { HttpClient } = await load<Http>(ofSdk.resolve('@microsoft/kiota-http-fetchlibrary'))
  const users = path.join(folder, 'users/item')
  const folders = await load<Metadata>(path.join(users, 'mailFolders/index.js'))
  const messages = await load<Metadata>(path.join(users, 'messages/index.js'))
  const auth = new kiota.AnonymousAuthenticationProvider()
  const adapter = new DefaultRequestAdapter(auth, undefined, undefined, new HttpClient(fetched))
  adapter.baseUrl = `${url}/v1.0`
  const navigation = {
    mailFolders: {
      navigationMetadata: folders['MailFoldersRequestBuilderNavigationMetadata'],
      requestsMetadata: folders['MailFoldersRequestBuilderRequestsMetadata'],
    },
    messages: {
      navigationMetadata: messages['MessagesRequestBuilderNavigationMetadata'],
      requestsMetadata: messages['MessagesRequestBuilderRequestsMetadata'],
    },
  }
  return kiota.apiClientProxifier(adapter, { baseurl: adapter.baseUrl, 'user%2Did': address }, navigation)
}

/** A request that Graph describes: its path, and the parameters that it has. */
type Template = { readonly path: RegExp; readonly parameters: ReadonlySet<string> }

/** What the SDK publishes of mail, by its URI templates (RFC 6570). */
export const publishedTemplates = (): Template[] => {
  const files = fs.globSync('users/item/{mailFolders,messages}/**/index.js', { cwd: folder })
  const texts = files.flatMap((file) => [
    ...fs.readFileSync(path.join(folder, file), 'utf8').matchAll(/UriTemplate = "\{\+baseurl\}([^"]*)"/g),
  ])
  return texts.map(([, text = '']) => {
    const [, pathname = '', names = ''] = /^([^?]*?)(?:\{\?([^}]*)\})?$/.exec(text) ?? []
    const pattern = pathname
      .replaceAll(/\{[^}]*\}/g, '{}')
      .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
      .replaceAll('{}', '[^/]+')
    return {
      path: new RegExp(`^${pattern}$`),
      parameters: new Set(names.split(',').map((name) => decodeURIComponent(name.replace(/\*$/, '')))),
    }
  })
}
