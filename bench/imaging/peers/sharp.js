// One job in sharp, repeated in one process and on one thread:
//   sharp.js FORMAT EFFORT WIDTH HEIGHT QUALITY REPEAT AT_ONCE INPUT OUTPUT
// EFFORT is `default`, or `fastest` for the settings of an encoder that take the least CPU.
import fs from 'node:fs';
import sharp from 'sharp';

const [format, effort, width, height, quality, repeat, atOnce, input, output] = process.argv.slice(2);
const fastest = { jpeg: {}, png: {}, webp: { effort: 0 }, avif: { effort: 0, chromaSubsampling: '4:2:0' } }[format];
const options = { ...(format === 'png' ? {} : { quality: Number(quality) }), ...(effort === 'fastest' ? fastest : {}) };
sharp.concurrency(1);
sharp.cache(false);
const source = fs.readFileSync(input);
const make = () => sharp(source).rotate().resize(Number(width), Number(height), { fit: 'fill' })[format](options).toBuffer();

async function several() {
  let result;
  for (let i = 0; i < Number(repeat); i++) result = await make();
  return result;
}

const results = await Promise.all(Array.from({ length: Number(atOnce) }, several));
fs.writeFileSync(output, results[0]);
