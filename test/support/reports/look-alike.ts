import { sentMail, textMail } from './writing.ts'

/** Mail that looks like a report of failure, and is none. */
export type LookAlike = { readonly name: string; readonly raw: Buffer }

export const person = (subject: string, ...more: readonly string[]): string[] => [
  'Return-Path: <eve@firm.example>',
  'From: Eve Stone <eve@firm.example>',
  'To: ana@shop.example',
  `Subject: ${subject}`,
  'Date: Tue, 3 Mar 2026 10:00:00 +0000',
  'Message-ID: <1@firm.example>',
  ...more,
]
export const machine = (from: string, subject: string, ...more: readonly string[]): string[] => [
  'Return-Path: <>',
  `From: ${from}`,
  'To: ana@shop.example',
  `Subject: ${subject}`,
  'Date: Tue, 3 Mar 2026 10:00:00 +0000',
  'Message-ID: <1@firm.example>',
  ...more,
]

export const answered = sentMail('lookalikes', 1, 'eve@firm.example')
export const BOUNCE = [
  "I'm sorry to have to inform you that your message could not",
  'be delivered to one or more recipients.',
  '',
  '<bob@acme.example>: host mx.acme.example said: 550 5.1.1 User unknown',
  '',
  'Final-Recipient: rfc822; bob@acme.example',
  'Action: failed',
  'Status: 5.1.1',
]

export const text = (name: string, header: readonly string[], ...lines: readonly string[]): LookAlike => ({
  name,
  raw: textMail(header, { charset: 'utf-8', encoding: '8bit', text: lines }),
})
