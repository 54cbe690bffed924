/** About `bytes` long: a text and an HTML part, a short header. */
export const madeUp = (index: number, bytes: number): Buffer => {
  const words = 'Following up on our conversation about the renewal of the contract. '
  const half = words.repeat(Math.ceil(bytes / 2 / words.length)).replace(/(.{72})/g, '$1\r\n')
  return Buffer.from(
    [
      `From: Sender ${index % 97} <sender${index % 97}@example.test>`,
      'To: Sarah <sarah@acme.test>',
      `Subject: Message ${index}`,
      `Date: ${new Date(Date.now() - index * 1000).toUTCString().replace('GMT', '+0000')}`,
      `Message-ID: <made-up-${index}@example.test>`,
      'MIME-Version: 1.0',
      'Content-Type: multipart/alternative; boundary="b"',
      '',
      '--b',
      'Content-Type: text/plain; charset=utf-8',
      '',
      half,
      '--b',
      'Content-Type: text/html; charset=utf-8',
      '',
      `<p>${half}</p>`,
      '--b--',
      '',
    ].join('\r\n'),
  )
}
