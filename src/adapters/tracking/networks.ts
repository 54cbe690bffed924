import { BlockList, isIP, isIPv6 } from 'node:net'

/**
 * Tells whether an address is in one of these networks, each written as `192.0.2.0/24`, `2001:db8::/32` or a single
 * address. IPv4 addresses mapped into IPv6 count as IPv4.
 * @throws RangeError naming an invalid network
 */
export const networks = (list: readonly string[]): ((ip: string | null) => boolean) => {
  const known = new BlockList()
  for (const network of list) {
    const [address = '', prefix, more] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    const bits = prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix)
    if (
      isIP(address) === 0 ||
      more !== undefined ||
      !/^\d{1,3}$/.test(prefix ?? '0') ||
      bits > (family === 'ipv6' ? 128 : 32)
    )
      throw new RangeError(`${network} is not a network such as 192.0.2.0/24`)
    known.addSubnet(address, bits, family)
  }
  return (ip) => {
    const plain = ip?.replace(/^::ffff:(?=\d+\.)/i, '') ?? ''
    return isIP(plain) !== 0 && known.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
  }
}
