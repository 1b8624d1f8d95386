// Files that are bytes of the binary: the web page, made from web/, and the description of the API. Must not
// know models.
#pragma once

#include "serve/routes.h"

namespace hearth::serve {

void page(Call call);         // GET /
void page_script(Call call);  // GET /app.js
void page_style(Call call);   // GET /app.css

void openapi_document(Call call);  // GET /openapi.json: docs/openapi.json

}  // namespace hearth::serve
