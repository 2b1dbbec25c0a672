#version 330
in vec3 world;
in vec3 world_normal;
in vec3 surface;
in float cut_value;
flat in int material_code;
in vec3 base_colour;
out vec4 pixel;
#include light.glsl
uniform float mirror;
uniform vec4 face[2];   // per dancer: left eye x, y, z; mouth y
uniform vec2 traits[2]; // brow above the eye; 0 lead, 1 follow
uniform vec3 hair[2];

const int SKIN = 0, SHIRT = 1, DRESS = 2, HAIR = 3, SHOE = 4, EYE = 5, TROUSERS = 6, PLAIN = 7;

// The normal of a surface raised by h metres (Mikkelsen's bump mapping without tangents).
vec3 raised(vec3 n, float h) {
    vec3 x = dFdx(world), y = dFdy(world), a = cross(y, n), b = cross(n, x);
    float size = dot(x, a);
    return normalize(abs(size) * n - sign(size) * (dFdx(h) * a + dFdy(h) * b));
}

float shirt_folds() {
    float drag = noise(vec2(abs(surface.x) * 9. + surface.y * 5., surface.y * 26. - abs(surface.x) * 14.)) * .6;
    return .0075 * (drag + noise(vec2(surface.x * 13. + 7., surface.y * 15. + surface.z * 8.)) * .4);
}

float trouser_folds() {
    float knee = exp(-pow((surface.y - .53) / .09, 2.)) + exp(-pow((surface.y - .10) / .07, 2.)) + .25;
    return .006 * knee * noise(vec2(surface.x * 12., surface.y * 34. + surface.z * 18.));
}

float dress_folds() {
    return .0035 * noise(vec2(surface.x * 8. + surface.y * 9., surface.y * 24.)) * smoothstep(.86, 1.0, surface.y);
}

// A shirt's buttons and the edge they close.
vec3 buttoned(vec3 c) {
    if (surface.z < .03 || surface.y > 1.47) return c;
    float edge = smoothstep(.0028, .0012, abs(abs(surface.x - .004) - .016));
    float button = smoothstep(.0058, .0046, length(vec2(surface.x - .004, (fract(surface.y / .085) - .5) * .085)));
    return mix(c * (1. - .22 * edge), vec3(.42, .38, .32), button * .75);
}

vec3 shoe(vec3 c, bool hers) {
    float sole = smoothstep(.011, .008, surface.y);
    if (hers) return mix(c, c * .45, sole);
    float welt = smoothstep(.0035, .002, abs(surface.y - .013));
    return mix(c * (1. - .35 * welt), vec3(.018, .012, .010), sole);
}

vec3 painted_face(vec3 c, int role) {
    vec4 f = face[role];
    float above = traits[role].x, her = traits[role].y;
    float x = abs(surface.x), from_eye = x - f.x, up = surface.y - f.y;
    float brow_line = above + .004 - pow((from_eye + .004) / .028, 2.) * .005;
    float thick = mix(.0042, .0027, her);
    float brow = smoothstep(thick + .0018, thick - .0008, abs(up - brow_line)) * smoothstep(.024, .018, abs(from_eye - .001));
    c = mix(c, hair[role] * 1.1, .85 * brow);
    vec2 mouth = vec2(x / mix(.025, .0235, her), (surface.y - f.w - 5. * x * x) / mix(.0075, .0088, her));
    c = mix(c, mix(vec3(.52, .21, .17), vec3(.62, .05, .08), her), smoothstep(1.15, .85, dot(mouth, mouth)) * mix(.45, .88, her));
    float lash = smoothstep(1.25, .8, length(vec2(from_eye, up) / vec2(.018, .0095)));
    c = mix(c, vec3(.05, .03, .03), lash * mix(.35, .75, her));
    float cheek = smoothstep(.03, .0, length(vec2(from_eye - .012, up + .036)));
    c = mix(c, vec3(.75, .30, .24), cheek * .22);
    if (her < .5) {
        float beard = smoothstep(.0, .02, f.w + .018 - surface.y + .10 * max(x - .03, 0.)) * smoothstep(f.w - .10, f.w - .06, surface.y);
        c = mix(c, hair[role] * 1.6, .32 * beard);
    }
    return c;
}

vec3 eyeball() {
    float r = length(surface.xy) / .0145;
    vec3 c = mix(vec3(.86, .84, .82), vec3(.16, .08, .04), smoothstep(.47, .41, r));
    return mix(c, vec3(.01), smoothstep(.22, .17, r));
}

void main() {
    if (cut_value < 0.) discard;
    if (mirror < 0. && world.y > 0.) discard;
    int role = material_code / 10, what = material_code - role * 10;
    vec3 n = normalize(world_normal), to_eye = normalize(eye - world);
    bool inside = dot(n, to_eye) < 0.;
    if (inside) n = -n;
    vec3 c = base_colour;
    float shine = .05, gloss = 12., skin = 0., sheen = 0.;
    if (what == SKIN) {
        skin = 1.; shine = .10; gloss = 18.;
        if (surface.z > face[role].z - .045) c = painted_face(c, role);
    } else if (what == SHIRT) {
        n = raised(n, shirt_folds());
        c = buttoned(c); shine = .03; gloss = 10.;
    } else if (what == TROUSERS) {
        n = raised(n, trouser_folds());
        c *= .92 + .14 * noise(surface.xy * vec2(60., 22.)); shine = .03; gloss = 10.;
    } else if (what == DRESS) {
        n = raised(n, dress_folds());
        c *= inside ? .45 : .94 + .10 * noise(surface.xy * vec2(60., 22.)); shine = .07; gloss = 24.;
    } else if (what == HAIR) {
        float own = surface.z * 91.;
        if (surface.y > .62 + .40 * noise(vec2(surface.x * 1.7 + own, own))) discard;
        c *= .62 + .62 * noise(vec2(surface.x * 2.6 + own, surface.y * 2.5 + own)) + .35 * surface.y;
        vec3 along = normalize(dFdx(world) * dFdy(surface.x) - dFdy(world) * dFdx(surface.x) + vec3(1e-6));
        float side = dot(along, normalize(sun + to_eye));
        sheen = surface.y == 0. ? 0. : pow(max(1. - side * side, 0.), 22.) * (.4 + .6 * noise(vec2(own, surface.x * 3.)));
        shine = 0.;
    } else if (what == SHOE) {
        c = shoe(c, role == 1);
        shine = .30; gloss = 40.;
    } else if (what == PLAIN) {
        shine = .10; gloss = 20.;
    } else if (what == EYE) {
        c = eyeball(); shine = .6; gloss = 80.;
    }
    float s = lit(world, n), d = dot(n, sun);
    float direct = max(d, 0.) * s, wrapped = max((d + .4) / 1.4, 0.) * mix(s, 1., .35);
    vec3 key = vec3(1., .93, .82) * 2.;
    vec3 sunlight = key * mix(direct, wrapped, .45 * skin + .12) * mix(vec3(1), vec3(1.03, .98, .95), skin);
    vec3 ambient = mix(vec3(.34, .24, .20), vec3(.52, .54, .62), n.y * .5 + .5) * mix(.55, 1., smoothstep(0., .5, abs(world.y)));
    vec3 fill = vec3(.42, .34, .40) * max(dot(n, normalize(vec3(-.75, .25, .6))), 0.);
    c = c * (sunlight + ambient + fill) + key * shine * pow(max(dot(n, normalize(sun + to_eye)), 0.), gloss) * s;
    float rim = pow(1. - max(dot(n, to_eye), 0.), 3.) * smoothstep(-.2, .6, n.y + .35);
    c += vec3(.55, .45, .55) * rim * .28 * mix(1., .6, skin);
    c += key * sheen * s * mix(vec3(.10), base_colour, .75) * 1.1;
    pixel = vec4(tone(c), 1.);
}
