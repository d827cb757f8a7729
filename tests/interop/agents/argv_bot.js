// A bot of the plainest kind: its text is the last argument, its answer goes to stdout, a word at a time.
const words = `You said: ${process.argv.at(-1)}`.split(/(?<= )/);

function next() {
  const word = words.shift();
  if (word === undefined) return;
  process.stdout.write(word);
  setTimeout(next, 20);
}

next();
