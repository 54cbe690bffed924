import { NotFound, type Decider } from '../decider.ts'
import { ApiKeyCreated, ApiKeyRevoked, type ApiKeyEvent, type KeyFacts } from './events.ts'

// ---------------------------------------------------------------- state

export type ApiKeyState =
  | { readonly status: 'none' }
  | { readonly status: 'valid' | 'revoked'; readonly key: KeyFacts }

// ---------------------------------------------------------------- commands

export type ApiKeyCommand =
  | { readonly do: 'create'; readonly key: KeyFacts }
  | { readonly do: 'revoke'; readonly keyId: string }

// ---------------------------------------------------------------- evolve

const evolve = (state: ApiKeyState, event: ApiKeyEvent): ApiKeyState => {
  switch (event.type) {
    case 'ApiKeyCreated':
      return { status: 'valid', key: event.data }
    case 'ApiKeyRevoked':
      return state.status === 'none' ? state : { ...state, status: 'revoked' }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: ApiKeyCommand, state: ApiKeyState): ApiKeyEvent[] => {
  switch (command.do) {
    case 'create':
      return state.status === 'none' ? [ApiKeyCreated(command.key)] : []
    case 'revoke':
      if (state.status === 'none') throw new NotFound('API key', command.keyId)
      return state.status === 'revoked' ? [] : [ApiKeyRevoked({ keyId: command.keyId, name: state.key.name })]
  }
}

export const apiKey: Decider<ApiKeyState, ApiKeyCommand, ApiKeyEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

export const apiKeyStream = (keyId: string): string => `apikey-${keyId}`
