import type { ApiKey } from '../../commands/ports/api-keys.ts'

/** All permissions. `*` in a key stands for all of them. */
export const permissions = [
  'accounts:read',
  'accounts:write',
  'directory:read',
  'directory:write',
  'templates:read',
  'templates:write',
  'messages:read',
  'messages:write',
  'messages:send',
  'conversations:read',
  'conversations:write',
  'tracking:read',
  'analytics:read',
  'assignment:read',
  'assignment:write',
  'audit:read',
  'events:read',
  'notifications:read',
  'notifications:write',
  'keys:manage',
  'webhooks:manage',
  'system:read',
  'system:write',
] as const
export type Permission = (typeof permissions)[number]

export const allows = (key: ApiKey, permission: Permission): boolean =>
  key.scopes.includes('*') || key.scopes.includes(permission)
