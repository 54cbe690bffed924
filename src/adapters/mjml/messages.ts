import type { UnsafeMarkup } from './unsafe-markup.ts'

/** What goes to the compiler's threads, and comes from them. */
export type CompileTask =
  | { readonly do: 'compile'; readonly format: 'html' | 'mjml'; readonly source: string }
  | { readonly do: 'remove-code'; readonly source: string }

export type MarkupError = { readonly line: number | null; readonly message: string }

export type CompileResult =
  | { readonly outcome: 'done'; readonly html: string }
  | { readonly outcome: 'invalid'; readonly errors: readonly MarkupError[] }
  | { readonly outcome: 'unsafe'; readonly found: readonly UnsafeMarkup[] }
