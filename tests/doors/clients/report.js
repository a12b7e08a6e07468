// Prints "OPERATION<tab>ok", or what was wrong.
const LONGEST_MS = 5000;

function within(promise) {
  const late = new Promise((_, reject) => setTimeout(reject, LONGEST_MS, new Error("no answer")));
  return Promise.race([promise, late]);
}

function equal(got, wanted) {
  const one = JSON.stringify(got);
  return one === JSON.stringify(wanted) || (Array.isArray(wanted) && wanted.includes(got));
}

async function report(operation, act, wanted) {
  try {
    const got = await within(act());
    const well = operation === "connect" || equal(got, wanted);
    console.log(`${operation}\t${well ? "ok" : `got ${JSON.stringify(got)}`}`);
  } catch (error) {
    console.log(`${operation}\t${error.message}`);
  }
}

report.refused = async (operation, act, word) => {
  try {
    console.log(`${operation}\tgot ${JSON.stringify(await within(act()))}`);
  } catch (error) {
    console.log(`${operation}\t${error.message.includes(word) ? "ok" : error.message}`);
  }
};

module.exports = { report };
