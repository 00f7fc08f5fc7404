#!/usr/bin/env node
// The command for `npm link`: any Node >= 18 can start it, and the project's own Node runs it.
'use strict';
const { join } = require('node:path');

process.argv.splice(2, 0, 'node', join(__dirname, 'main.ts'));
require('../scripts/run.cjs');
