import { expect, test } from 'vitest';
import { identityOfAlternativeNames, identityUri, parseIdentityUri, roles } from './identity.ts';

test('an identity survives the way to a URI and back', () => {
  for (const role of roles)
    expect(parseIdentityUri(identityUri({ role, name: 'host-7' }))).toEqual({ role, name: 'host-7' });
});

test.each([
  'spiffe://doubleblind/root/local',
  'spiffe://doubleblind/coordinator/',
  'spiffe://doubleblind/coordinator/a/b',
  'spiffe://elsewhere/coordinator/local',
  'https://doubleblind/coordinator/local',
  'spiffe://doubleblind/coordinator/local\nx',
])('%j is no identity', (uri) => {
  expect(parseIdentityUri(uri)).toBeUndefined();
});

test('two URIs, none, or quoted names are no identity', () => {
  const uri = 'URI:spiffe://doubleblind/operator/ada';
  expect(identityOfAlternativeNames(`DNS:localhost, ${uri}`)).toEqual({ role: 'operator', name: 'ada' });
  expect(identityOfAlternativeNames(`${uri}, ${uri}`)).toBeUndefined();
  expect(identityOfAlternativeNames('DNS:localhost')).toBeUndefined();
  expect(identityOfAlternativeNames(`DNS:"a, ${uri}"`)).toBeUndefined();
  expect(identityOfAlternativeNames(undefined)).toBeUndefined();
});

test('a name outside of the alphabet is refused', () => {
  expect(() => identityUri({ role: 'operator', name: 'a/b' })).toThrow('not a valid name');
});
