// One job in sharp, repeated in one process and on one thread: sharp.js WIDTH FORMAT INPUT OUTPUT REPEAT
import fs from 'node:fs';
import sharp from 'sharp';

const [width, format, input, output, repeat] = process.argv.slice(2);
const options = { jpeg: { quality: 80 }, webp: { quality: 80 }, avif: { quality: 64, effort: 0 } }[format];
sharp.concurrency(1);
sharp.cache(false);
const source = fs.readFileSync(input);
let result;
for (let i = 0; i < Number(repeat); i++) {
  result = await sharp(source).rotate().resize(Number(width))[format](options).toBuffer();
}
fs.writeFileSync(output, result);
