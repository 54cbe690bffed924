export type TemplateCompiler = {
  /**
   * The body as HTML, variables untouched; an HTML body is returned unchanged.
   * @throws Refused `template-invalid` with line and message of each error, `unsafe-markup` with each finding
   */
  compile(body: { readonly format: 'html' | 'mjml'; readonly source: string }): Promise<string>
  close(): Promise<void>
}
