// Solves a puzzle of the ALTCHA protocol: the number whose SHA-256 together with the salt is the challenge.
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const AT_ONCE = 500;

export async function solve({ algorithm, challenge, maxnumber, salt, signature }) {
  const encoder = new TextEncoder();
  const digest = async (number) => hex(await crypto.subtle.digest(algorithm, encoder.encode(salt + number)));
  for (let first = 0; first <= maxnumber; first += AT_ONCE) {
    const found = await Promise.all(Array.from({ length: AT_ONCE }, (_, step) => digest(first + step)));
    const step = found.indexOf(challenge);
    if (step >= 0) return btoa(JSON.stringify({ algorithm, challenge, number: first + step, salt, signature }));
  }
  throw new Error("no solution");
}
