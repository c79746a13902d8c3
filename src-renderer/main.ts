/** The page's first file: fonts, styles, the connection to the engine, the window. */
import '@fontsource-variable/inter/wght.css'
import '@fontsource-variable/jetbrains-mono/wght.css'
import './tokens.css'
import './app.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { connect } from './client/connect'

const target = document.getElementById('app')
if (target !== null) mount(App, { target, props: { bridge: connect() } })
