// A forward proxy on a free port of this machine, by proxy-chain, which has to be on NODE_PATH.
//
// Environment: PROXY_USER and PROXY_PASSWORD, without which it wants neither; PROXY_CERTIFICATE and PROXY_KEY, files
// with which it speaks TLS. Prints its port, then a line for each request: "CONNECT host:port" or "REFUSED host:port".
// Ends with its standard input.
'use strict';

const fs = require('node:fs');
const { Server } = require('proxy-chain');

const { PROXY_USER, PROXY_PASSWORD, PROXY_CERTIFICATE, PROXY_KEY } = process.env;

const options = {
  host: '127.0.0.1',
  port: 0,
  prepareRequestFunction({ username, password, hostname, port }) {
    const refused = PROXY_USER !== undefined && (username !== PROXY_USER || password !== PROXY_PASSWORD);
    console.log(`${refused ? 'REFUSED' : 'CONNECT'} ${hostname}:${port}`);
    return { requestAuthentication: refused };
  },
};
if (PROXY_CERTIFICATE) {
  options.serverType = 'https';
  options.httpsOptions = { cert: fs.readFileSync(PROXY_CERTIFICATE), key: fs.readFileSync(PROXY_KEY) };
}

const server = new Server(options);
server.listen().then(() => console.log(server.port));
process.stdin.on('end', () => process.exit()).resume();
