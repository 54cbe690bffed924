import { NotFound, type Decider } from '../decider.ts'
import { ApiKeyCreated, ApiKeyRevoked, type ApiKeyEvent, type KeyFacts } from './events.ts'

// ---------------------------------------------------------------- state

/** A key that was created by a release that did not record it is known by its revocation only. */
export type ApiKeyState =
  | { readonly status: 'none' }
  | { readonly status: 'valid'; readonly key: KeyFacts }
  | { readonly status: 'revoked'; readonly key: KeyFacts | null }

// ---------------------------------------------------------------- commands

/** `name`: of the key as it is stored; null if none is. */
export type ApiKeyCommand =
  | { readonly do: 'create'; readonly key: KeyFacts }
  | { readonly do: 'revoke'; readonly keyId: string; readonly name: string | null }

// ---------------------------------------------------------------- evolve

const evolve = (state: ApiKeyState, event: ApiKeyEvent): ApiKeyState => {
  switch (event.type) {
    case 'ApiKeyCreated':
      return { status: 'valid', key: event.data }
    case 'ApiKeyRevoked':
      return { status: 'revoked', key: state.status === 'none' ? null : state.key }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: ApiKeyCommand, state: ApiKeyState): ApiKeyEvent[] => {
  switch (command.do) {
    case 'create':
      return state.status === 'none' ? [ApiKeyCreated(command.key)] : []
    case 'revoke':
      return state.status === 'revoked' ? [] : [revoked(command, state)]
  }
}

const revoked = (
  { keyId, name: stored }: Extract<ApiKeyCommand, { do: 'revoke' }>,
  state: Exclude<ApiKeyState, { status: 'revoked' }>,
): ApiKeyEvent => {
  const name = state.status === 'none' ? stored : state.key.name
  if (name === null) throw new NotFound('API key', keyId)
  return ApiKeyRevoked({ keyId, name })
}

export const apiKey: Decider<ApiKeyState, ApiKeyCommand, ApiKeyEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

export const apiKeyStream = (keyId: string): string => `apikey-${keyId}`
