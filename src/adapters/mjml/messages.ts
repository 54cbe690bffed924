import type { UnsafeMarkup } from './unsafe-markup.ts'

/** Messages between the compiler and its worker thread. */
export type CompileTask = { readonly id: number; readonly format: 'html' | 'mjml'; readonly source: string }

export type MarkupError = { readonly line: number | null; readonly message: string }

export type CompileResult = { readonly id: number } & (
  | { readonly outcome: 'compiled'; readonly html: string }
  | { readonly outcome: 'invalid'; readonly errors: readonly MarkupError[] }
  | { readonly outcome: 'unsafe'; readonly found: readonly UnsafeMarkup[] }
)
