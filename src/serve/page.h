// The web page: files made from web/ that are bytes of the binary. Must not know models.
#pragma once

#include "serve/routes.h"

namespace hearth::serve {

void page(Call call);         // GET /
void page_script(Call call);  // GET /app.js
void page_style(Call call);   // GET /app.css

}  // namespace hearth::serve
