import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { Secret } from '../../commands/ports/credentials.ts'

/** The keys cannot be used; the message says what to do and never shows one. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError'
}

/** The service's own keys. Printed, serialised or inspected, it shows only the ids of keys. */
export type Keyring = {
  /** The last key-encryption key: the one in use, or the one that a rotation puts into use. */
  readonly newestId: string
  readonly ids: readonly string[]
  /**
   * Reads the file again for a key that was not in it.
   * @returns null if the ring does not have it
   */
  readonly encryptionKey: (id: string) => Promise<KeyObject | null>
  /** The keys for tracking tokens, 32 bytes each, by number; the last one seals. */
  readonly trackingKeys: () => { readonly id: number; readonly key: Uint8Array }[]
  /** The text that `parseKeyring` reads. */
  readonly text: () => Secret
}

const key = z.base64url().refine((text) => Buffer.from(text, 'base64url').length === 32)
const named = <Item extends z.ZodType<{ id: string | number }>>(item: Item) =>
  z
    .array(item)
    .min(1)
    .refine((items) => new Set(items.map(({ id }) => id)).size === items.length)
const file = z.object({
  encryptionKeys: named(z.object({ id: z.string().regex(/^[\w-]{1,64}$/), key })),
  trackingKeys: named(z.object({ id: z.int().min(0).max(255), key })),
})
type Content = z.infer<typeof file>

const newKey = (): string => randomBytes(32).toString('base64url')
const newEncryptionKey = () => ({ id: `key-${randomBytes(6).toString('hex')}`, key: newKey() })

/** A ring with new keys. */
export const createKeyring = (): Keyring =>
  keyringOf({ encryptionKeys: [newEncryptionKey()], trackingKeys: [{ id: 0, key: newKey() }] })

/** The same ring with a new key-encryption key. */
export const withNewEncryptionKey = (keyring: Keyring): Keyring => {
  const content = contentOf(keyring.text())
  return keyringOf({ ...content, encryptionKeys: [...content.encryptionKeys, newEncryptionKey()] })
}

/** The ring without the older key-encryption keys. */
export const withoutOldEncryptionKeys = (keyring: Keyring): Keyring => {
  const content = contentOf(keyring.text())
  return keyringOf({ ...content, encryptionKeys: content.encryptionKeys.slice(-1) })
}

/** Where a process finds its keyring: in an environment variable if set, else in a file. */
export type KeyringSource = { readonly value: Secret | null; readonly file: string }

/**
 * The file must be readable by its owner only.
 * @returns null if there is neither a value nor a file
 * @throws KeyringError
 */
export const loadKeyring = async (from: KeyringSource): Promise<Keyring | null> => {
  const content = await contentAt(from)
  return content && keyringOf(content, async () => (await contentAt(from)) ?? content)
}

const contentAt = async (from: KeyringSource): Promise<Content | null> => {
  if (from.value) return parsed(from.value, 'The keyring in the environment')
  const found = await stat(from.file).catch(unlessMissing)
  if (found === null) return null
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
    throw new KeyringError(`${from.file} can be read by others. Restrict it: chmod 600 "${from.file}"`)
  return parsed(new Secret(await readFile(from.file, 'utf8')), from.file)
}

/**
 * Writes the keyring, readable by its owner only, atomically and durably.
 * @throws KeyringError if there is one already, unless `replace` is set
 */
export const saveKeyring = async (
  to: string,
  keyring: Keyring,
  { replace = false }: { readonly replace?: boolean } = {},
): Promise<void> => {
  const found = await stat(to).catch(unlessMissing)
  if (found && !replace) throw new KeyringError(`${to} already exists and was left unchanged`)
  const written = `${to}.${randomBytes(4).toString('hex')}`
  await using handle = await open(written, 'wx', 0o600)
  // The operator may be another user than the service, which must still be able to read it.
  if (found && found.uid !== process.getuid?.()) await handle.chown(found.uid, found.gid)
  await handle.writeFile(keyring.text().reveal())
  await handle.sync()
  await rename(written, to)
  if (process.platform === 'win32') return
  await using folder = await open(dirname(to))
  await folder.sync()
}

const contentOf = (text: Secret): Content => file.parse(JSON.parse(text.reveal()))

/** @throws KeyringError if the text is not a keyring */
const parsed = (text: Secret, from: string): Content => {
  try {
    return contentOf(text)
  } catch (error) {
    // Neither the parser's message nor its cause is passed on: both quote what they read.
    const reason = error instanceof z.ZodError ? error.issues[0]?.path.join('.') : undefined
    throw new KeyringError(
      `${from} is not a keyring${reason ? ` (at ${reason})` : ''}. Restore it from your copy; without it the stored passwords cannot be read`,
    )
  }
}

const keyringOf = (content: Content, reread = () => Promise.resolve(content)): Keyring => {
  const { encryptionKeys, trackingKeys } = content
  let keys = keysOf(content)
  return {
    newestId: encryptionKeys.at(-1)!.id,
    ids: [...keys.keys()],
    encryptionKey: async (id) => {
      if (!keys.has(id)) keys = keysOf(await reread())
      return keys.get(id) ?? null
    },
    trackingKeys: () =>
      trackingKeys.map((item) => ({ id: item.id, key: Buffer.from(item.key, 'base64url') })),
    text: () => new Secret(`${JSON.stringify({ encryptionKeys, trackingKeys }, null, 2)}\n`),
  }
}

const keysOf = ({ encryptionKeys }: Content): Map<string, KeyObject> =>
  new Map(encryptionKeys.map((item) => [item.id, createSecretKey(Buffer.from(item.key, 'base64url'))]))

const unlessMissing = (error: unknown): null => {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
