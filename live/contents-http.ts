/** Large contents over HTTP: handed out to whoever holds a token, in ranges; and brought by publishers. */
import express, { type Express, type Request, type Response } from 'express';
import { verifyUpload } from './content-upload.ts';
import { isContentOf, MAX_CONTENT_BYTES } from './contents.ts';
import { sendFault } from './http-replies.ts';
import type { LiveNode } from './live-node.ts';

const PATH = '/v1/contents/:hash';

export function routeContents(app: Express, live: LiveNode): void {
  app.get(PATH, (request, response) => handOut(live, request, response));
  app.put(
    PATH,
    (request, response, next) => {
      const refusal = verifyUpload(live, request.params['hash']!, request.headers.authorization);
      if (refusal === null) next();
      else sendFault(response.setHeader('WWW-Authenticate', 'Watershed'), 401, 'NOT_ADMITTED', refusal);
    },
    express.raw({ limit: MAX_CONTENT_BYTES, type: () => true }),
    (request, response) => takeIn(live, request, response),
  );
  app.all(PATH, (_request, response) => {
    const detail = 'contents are fetched with GET, and brought with PUT';
    sendFault(response.setHeader('Allow', 'GET, PUT'), 405, 'METHOD_NOT_ALLOWED', detail);
  });
}

/** A content is named by its hash, and read by whoever was sent an envelope that names it: the token that came with that says so. */
function handOut({ contents, transport }: LiveNode, request: Request, response: Response): void {
  const { carrier } = transport;
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const content = carrier.grants.find(token, String(request.params['hash']));
  if (content === null) {
    const detail = 'a content is handed out to whoever was sent an envelope that names it';
    return sendFault(response.setHeader('WWW-Authenticate', 'Bearer'), 401, 'NOT_ADMITTED', detail);
  }
  // Read as a whole: what has rotted on this disk is not handed out.
  const bytes = contents.get(content);
  if (bytes === undefined) return sendFault(response, 404, 'NOT_FOUND', 'the content is no longer held here');
  const range = request.range(bytes.length);
  response.setHeader('Accept-Ranges', 'bytes').setHeader('Cache-Control', 'no-store');
  response.type('application/octet-stream');
  if (range === -1 || (Array.isArray(range) && range.length !== 1)) {
    response.setHeader('Content-Range', `bytes */${bytes.length}`);
    return sendFault(response, 416, 'BAD_REQUEST', 'one range of bytes within the content is expected');
  }
  const { start, end } = Array.isArray(range) ? range[0]! : { start: 0, end: bytes.length - 1 };
  const part = bytes.subarray(start, end + 1);
  if (Array.isArray(range))
    response.status(206).setHeader('Content-Range', `bytes ${start}-${end}/${bytes.length}`);
  carrier.grants.spend(token, part.length);
  carrier.servedBytes += part.length;
  response.setHeader('Content-Length', part.length).end(part);
}

/** What a publisher brings lies here until an envelope names it, and is erased if none does. */
function takeIn({ contents }: LiveNode, request: Request, response: Response): void {
  const bytes: unknown = request.body;
  const hash = String(request.params['hash']);
  if (!(bytes instanceof Uint8Array) || bytes.length === 0)
    return sendFault(response, 400, 'BAD_REQUEST', 'the body is the content');
  const content = { hash, sizeBytes: bytes.length, keyId: 0 };
  if (!isContentOf(content, bytes))
    return sendFault(response, 400, 'BAD_REQUEST', 'the body is another content than its name says');
  if (!contents.keepApart(content, bytes))
    return sendFault(response, 507, 'OVERLOADED', 'there is no room for it now');
  response.status(204).end();
}
