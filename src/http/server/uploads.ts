import { defineProblem } from './problems.ts'

export const emptyFile = defineProblem(400, 'empty-file', {
  title: 'Empty file',
  meaning: 'The body of the upload is empty.',
  remedy: 'Send the contents of the file as the body.',
})
