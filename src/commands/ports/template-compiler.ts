export type TemplateCompiler = {
  /**
   * The body as HTML, variables untouched; an HTML body is returned unchanged. `by`: whose body it is; the bodies of
   * several people take turns.
   * @throws Refused `template-invalid` with line and message of each error, `unsafe-markup` with each finding
   */
  compile(body: {
    readonly format: 'html' | 'mjml'
    readonly source: string
    readonly by?: string
  }): Promise<string>
  /** The HTML without what runs code; unchanged where there is none. */
  withoutCode(html: string): Promise<string>
  close(): Promise<void>
}
