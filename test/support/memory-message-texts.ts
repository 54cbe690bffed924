import type { MessageText, MessageTexts } from '../../src/commands/ports/message-texts.ts'

/** What messages are found by, in this process alone. */
export const memoryMessageTexts = (): MessageTexts & { readonly kept: ReadonlyMap<string, MessageText> } => {
  const kept = new Map<string, MessageText>()
  return {
    kept,
    put: async (texts) => {
      for (const text of texts) kept.set(text.messageId, text)
    },
    remove: async (ids) => {
      for (const id of ids) kept.delete(id)
    },
  }
}
